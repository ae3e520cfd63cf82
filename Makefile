# Two commands for a newcomer: `make demo` and `make test`. Both need Python 3.11+ and make only.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
# On Linux the plain package index serves torch with CUDA (several GB). To take the CPU build, set
# PIP_ARGS to an extra index that carries CPU wheels; to take CUDA on purpose, leave it empty.
PIP_ARGS ?=
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt $(PIP_ARGS)
CORE   := $(VENV)/.installed-core
DEV    := $(VENV)/.installed-dev
WORKERS ?= 2

.PHONY: demo test check format lint types contracts quick catalogues wheel clean

demo: $(CORE)
	$(BIN)/retention --workspace demo demo

test: $(DEV)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

check: $(DEV) format lint types contracts quick

$(CORE): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) -e .
	touch $@

$(DEV): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) -e '.[dev]'
	touch $(CORE) $@

format: $(DEV)
	$(BIN)/ruff format --check .

lint: $(DEV)
	$(BIN)/ruff check .

types: $(DEV)
	$(BIN)/mypy

contracts: $(DEV)
	$(BIN)/lint-imports

quick: $(DEV)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m "not slow and not e2e"

catalogues: $(DEV)
	$(BIN)/python -m retention_tui.i18n.catalogue

wheel: $(DEV)
	$(BIN)/python -m build --wheel

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache

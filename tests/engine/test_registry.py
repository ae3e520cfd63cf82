from __future__ import annotations

import ast
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import engine
from engine.calibrated import CalibrationCheck, Reliability
from engine.errors import ModelError, StateError, StorageError, UsageError
from engine.faithfulness import Faithfulness, Stability
from engine.features.frame import LabelledFrame
from engine.models.blend import RiskModel
from engine.models.nets.config import NetConfig
from engine.models.trees import TreeConfig
from engine.registry import Registry, _champions, _change, _history
from engine.store.codec import from_json, to_json
from engine.store.lease import lease
from engine.training.challenger import TrainingConfig, TrainingData, train_challenger
from engine.training.fit import FitConfig
from engine.types import Confusion, LabelCounts, Metrics, ModelCard

pytestmark = pytest.mark.slow

Rows = Callable[..., LabelledFrame]
NOW = datetime(2026, 3, 1, 8, 30)


def _card(model_id: str, hours: int = 0) -> ModelCard:
    metrics = Metrics(
        "blend", 100, 40, 0.8, 0.7, 0.5, 0.2, 0.03, 0.7, 0.8, 0.4, 0.5, Confusion(50, 5, 20, 25),
        2.0, (datetime(2026, 2, 1),),
    )  # fmt: skip
    return ModelCard(
        model_id, "blend", "candidate", NOW + timedelta(hours=hours), NOW, 400, 6, metrics, (),
        None, LabelCounts(untreated=400), 1.5, 7,
    )  # fmt: skip


@pytest.fixture(scope="module")
def model(planted: Rows) -> RiskModel:
    data = TrainingData(*(planted(200, seed=seed, sequence=2.0) for seed in (1, 2, 3, 4)))
    config = TrainingConfig(
        model="blend",
        threads=1,
        max_epochs=1,
        net=NetConfig(hidden=8, layer=16),
        fit=FitConfig(least_steps=5),
        trees=TreeConfig(max_trees=8),
    )
    return train_challenger(data, config).model


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "models", tmp_path / "ledger.duckdb")


def _save(registry: Registry, model: RiskModel, *names: str) -> None:
    for hours, name in enumerate(names):
        registry.save(model, _card(name, hours), now=NOW, actor="ada")


def test_a_loaded_model_scores_with_the_same_bits(
    registry: Registry, model: RiskModel, planted: Rows
) -> None:
    _save(registry, model, "m1")
    frame = planted(100, seed=9).frame
    loaded = registry.load("m1")
    assert np.array_equal(loaded.predict(frame).risk, model.predict(frame).risk)
    assert loaded.metadata == model.metadata
    assert np.array_equal(loaded.panel.pooled, model.panel.pooled)


def test_what_was_measured_over_time_is_kept_and_old_cards_are_read(
    registry: Registry, model: RiskModel, tmp_path: Path
) -> None:
    plain = _card("m1")
    parts = tuple(
        replace(plain.test, cutoffs=(datetime(2026, 2, day),), profit=profit)
        for day, profit in ((1, 1.5), (15, None))
    )
    bins = Reliability((0.1, 0.6), (0.2, 0.5), (50, 50), 0.1)
    second = Stability("first_fit", 0.8, 290, 280, 289)
    whole = replace(
        _card("m2", 1),
        by_cutoff=parts,
        calibration=CalibrationCheck("linear", bins, bins),
        faithfulness=Faithfulness(300, 300, 0.003, 300, 291, (1.0,), 110, (0.0,), second),
    )
    registry.save(model, plain, now=NOW, actor="ada")
    registry.save(model, whole, now=NOW, actor="ada")
    assert registry.cards() == (whole, plain)
    text = (tmp_path / "models" / "m2" / "card.md").read_text("utf-8")
    assert "| blend, 2026-02-15 | 100 |" in text
    assert "Calibration linear: error 0.1000 before, 0.1000 after." in text
    assert "for 291 the risk falls when the first reason is taken away" in text
    older = to_json(plain)
    for name in ("by_cutoff", "calibration", "shift", "faithfulness"):
        del older[name]
    del older["test"]["profit"]
    assert from_json(ModelCard, older) == plain


def test_the_folder_holds_three_files_and_none_is_a_pickle(
    registry: Registry, model: RiskModel, tmp_path: Path
) -> None:
    _save(registry, model, "m1")
    folder = tmp_path / "models" / "m1"
    assert sorted(path.name for path in folder.iterdir()) == [
        "card.md",
        "model.json",
        "weights.safetensors",
    ]
    for path in folder.iterdir():
        content = path.read_bytes()
        assert not content.startswith((b"\x80", b"PK"))  # pickle protocols 2+, torch zip archives
        assert b"numpy.core" not in content
    header_size = int.from_bytes((folder / "weights.safetensors").read_bytes()[:8], "little")
    assert header_size < 100_000
    description = json.loads((folder / "model.json").read_text("utf-8"))
    assert description["model"]["columns"] == list(model.columns)
    assert description["feature_version"] == model.metadata["feature_version"]
    assert "| blend | 100 | 40 | 0.8000 |" in (folder / "card.md").read_text("utf-8")


def test_no_module_of_the_engine_can_unpickle() -> None:
    forbidden = {"pickle", "joblib", "dill", "cloudpickle", "shelve", "marshal"}
    files = list(Path(engine.__file__).parent.rglob("*.py"))
    assert len(files) > 20
    for path in files:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner = node.func.value
                if isinstance(owner, ast.Name) and owner.id == "torch":
                    assert node.func.attr not in {"load", "save"}, path
            assert not {name.split(".")[0] for name in names} & forbidden, path


def test_lists_and_promotions_need_no_model_code(
    registry: Registry, model: RiskModel, tmp_path: Path
) -> None:
    _save(registry, model, "m1")
    script = (
        "import sys; from pathlib import Path; from datetime import datetime\n"
        "from engine.registry import Registry\n"
        f"folder = Path({str(tmp_path)!r})\n"
        "r = Registry(folder / 'models', folder / 'ledger.duckdb')\n"
        "r.promote('m1', now=datetime(2026, 3, 1), actor='ada')\n"
        "assert r.cards()[0].state == 'champion'\n"
        "loaded = {'torch', 'sklearn', 'pandas'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_cards_come_newest_first_with_their_present_state(
    registry: Registry, model: RiskModel
) -> None:
    assert registry.cards() == ()
    assert registry.champion_id() is None
    _save(registry, model, "m1", "m2", "m3")
    registry.promote("m1", now=NOW, actor="ada")
    registry.promote("m2", now=NOW, actor="ada")
    assert [(card.model_id, card.state) for card in registry.cards()] == [
        ("m3", "candidate"),
        ("m2", "champion"),
        ("m1", "retired"),
    ]
    assert registry.cards()[0] == _card("m3", 2)


def test_an_id_is_taken_once(registry: Registry, model: RiskModel) -> None:
    _save(registry, model, "m1")
    with pytest.raises(StateError, match="already has a model m1"):
        _save(registry, model, "m1")


@pytest.mark.parametrize("model_id", ["../m1", "", "a/b", "a b", ".hidden", "模型", "x" * 81])
def test_an_id_is_no_path(registry: Registry, model: RiskModel, model_id: str) -> None:
    with pytest.raises(ModelError, match="is not the id of a model"):
        _save(registry, model, model_id)
    with pytest.raises(ModelError, match="is not the id of a model"):
        registry.load(model_id)


def test_promoting_the_champion_again_writes_nothing(
    registry: Registry, model: RiskModel, tmp_path: Path
) -> None:
    _save(registry, model, "m1")
    for _ in range(3):
        registry.promote("m1", now=NOW, actor="ada")
    with lease(tmp_path / "ledger.duckdb") as connection:
        events = connection.execute(
            "SELECT event, actor, sequence FROM model_event ORDER BY sequence"
        ).fetchall()
    assert events == [("registered", "ada", 1), ("promoted", "ada", 2)]


def test_roll_back_goes_one_further_back_each_time(registry: Registry, model: RiskModel) -> None:
    _save(registry, model, "m1", "m2", "m3")
    for name in ("m1", "m2", "m3"):
        registry.promote(name, now=NOW, actor="ada")
    registry.rollback(now=NOW, actor="ada")
    assert registry.champion_id() == "m2"
    registry.rollback(now=NOW, actor="ada")
    assert registry.champion_id() == "m1"
    with pytest.raises(StateError, match="only m1 has ever been in service"):
        registry.rollback(now=NOW, actor="ada")
    assert registry.champion_id() == "m1"


def test_roll_back_before_any_promotion(registry: Registry, model: RiskModel) -> None:
    _save(registry, model, "m1")
    with pytest.raises(StateError, match="no earlier champion to go back to: no model has been"):
        registry.rollback(now=NOW, actor="ada")


steps = st.lists(st.sampled_from(["m1", "m2", "m3", "rollback"]), max_size=12)


def _expected(served: list[str], step: str) -> list[str]:
    """Who is in service after `step`, oldest first: an independent account of the rules."""
    if step == "rollback" or served[-2:-1] == [step]:
        return served[:-1] if len(served) > 1 else served
    return served if served[-1:] == [step] else [*served, step]


@given(steps)
def test_any_sequence_of_promotions_and_roll_backs_keeps_one_champion(steps: list[str]) -> None:
    events: list[tuple[str, str]] = [(name, "registered") for name in ("m1", "m2", "m3")]
    served: list[str] = []
    for step in steps:
        champions = _champions(events)
        target = champions[-2:-1] if step == "rollback" else [step]
        for name in target:
            events += _change(champions, name)
        served = _expected(served, step)
        assert _champions(events) == served
        in_service = [name for name, state in _history(events).items() if state == "champion"]
        assert in_service == served[-1:]


def test_the_ledger_tells_the_same_story(registry: Registry, model: RiskModel) -> None:
    _save(registry, model, "m1", "m2", "m3")
    served: list[str] = []
    for step in ("m2", "m1", "rollback", "m3", "m1", "m3", "rollback"):
        if step == "rollback":
            registry.rollback(now=NOW, actor="ada")
        else:
            registry.promote(step, now=NOW, actor="ada")
        served = _expected(served, step)
        assert registry.champion_id() == served[-1]


def test_history_of_champions_reads_from_events() -> None:
    events = [("a", "registered"), ("a", "promoted"), ("a", "retired"), ("b", "promoted")]
    assert _champions(events) == ["a", "b"]
    assert _champions([*events, ("b", "retired"), ("a", "promoted")]) == ["a"]


def test_a_model_that_was_never_saved(registry: Registry) -> None:
    with pytest.raises(UsageError, match=r"There is no model m9 in this workspace\. It has 0\."):
        registry.load("m9")
    with pytest.raises(UsageError, match="no model m9"):
        registry.promote("m9", now=NOW, actor="ada")


def _damage(folder: Path, how: str) -> None:
    weights = folder / "weights.safetensors"
    description = folder / "model.json"
    if how == "gone":
        weights.unlink()
    elif how == "one bit":
        content = bytearray(weights.read_bytes())
        content[-1] ^= 1
        weights.write_bytes(content)
    elif how == "cut":
        weights.write_bytes(weights.read_bytes()[:100])
    elif how == "no JSON":
        description.write_text("{", "utf-8")
    elif how == "a list":
        description.write_text("[]", "utf-8")
    elif how == "newer":
        content_json = json.loads(description.read_text("utf-8"))
        content_json["format"] = 2
        description.write_text(json.dumps(content_json), "utf-8")


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ("gone", "m1 is registered, but .*weights.safetensors is gone. Restore the folder"),
        ("one bit", "m1 is damaged: its weights do not have the hash .*roll back"),
        ("cut", "do not have the hash"),
        ("no JSON", "m1 is damaged: model.json is not what was written"),
        ("a list", "model.json is not what was written"),
        ("newer", "m1 has format 2, this program knows 1.*Upgrade retention-workbench"),
    ],
)
def test_a_damaged_model_is_neither_loaded_nor_promoted(
    registry: Registry, model: RiskModel, tmp_path: Path, how: str, sentence: str
) -> None:
    _save(registry, model, "m1")
    _damage(tmp_path / "models" / "m1", how)
    with pytest.raises(ModelError, match=sentence):
        registry.load("m1")
    with pytest.raises(ModelError, match=sentence):
        registry.promote("m1", now=NOW, actor="ada")
    assert registry.champion_id() is None


@pytest.mark.parametrize("name", ["weights.safetensors", "model.json"])
def test_a_byte_changed_anywhere_is_refused_and_never_scores(
    registry: Registry, model: RiskModel, tmp_path: Path, name: str
) -> None:
    _save(registry, model, "m1")
    path = tmp_path / "models" / "m1" / name
    whole = path.read_bytes()
    # The ends, the header of the tensors and every region in between.
    places = {0, 7, 8, 9, len(whole) - 1, *np.linspace(0, len(whole) - 1, 20).astype(int).tolist()}
    for place in sorted(places):
        changed = bytearray(whole)
        changed[place] ^= 1 << (place % 7)
        path.write_bytes(changed)
        with pytest.raises(ModelError, match=r"m1 (is damaged|has format)"):
            registry.load("m1")
    for length in (0, 1, 8, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(ModelError, match="m1 is damaged"):
            registry.promote("m1", now=NOW, actor="ada")
    path.write_bytes(whole)
    assert registry.load("m1").kind == "blend"


def test_weights_changed_together_with_their_noted_hash_are_refused(
    registry: Registry, model: RiskModel, tmp_path: Path
) -> None:
    _save(registry, model, "m1")
    folder = tmp_path / "models" / "m1"
    weights = bytearray((folder / "weights.safetensors").read_bytes())
    weights[-1] ^= 1
    (folder / "weights.safetensors").write_bytes(weights)
    description = json.loads((folder / "model.json").read_text("utf-8"))
    description["weights_sha256"] = hashlib.sha256(weights).hexdigest()
    (folder / "model.json").write_text(json.dumps(description), "utf-8")
    with pytest.raises(ModelError, match="does not have the hash that the ledger noted"):
        registry.load("m1")


def test_a_model_whose_ledger_knows_the_hash_of_its_weights_only_still_loads(
    registry: Registry, model: RiskModel, tmp_path: Path
) -> None:
    _save(registry, model, "m1")
    description = json.loads((tmp_path / "models" / "m1" / "model.json").read_text("utf-8"))
    with lease(tmp_path / "ledger.duckdb", write=True) as connection:
        connection.execute("UPDATE model SET artefact_sha256 = ?", [description["weights_sha256"]])
    assert registry.load("m1").kind == "blend"
    # Of its description, then, only that its parts fit is known.
    del description["model"]["calibration"]
    (tmp_path / "models" / "m1" / "model.json").write_text(json.dumps(description), "utf-8")
    with pytest.raises(ModelError, match="parts do not fit together"):
        registry.load("m1")


def test_rows_of_another_schema_are_refused_with_the_difference(
    registry: Registry, model: RiskModel, planted: Rows
) -> None:
    _save(registry, model, "m1")
    frame = planted(10, seed=9, columns=5).frame
    with pytest.raises(ModelError, match=r"missing: column_5.*trained on 6 columns, .* have 5"):
        registry.load("m1").predict(frame)


def test_a_save_that_died_half_way_is_made_good(
    registry: Registry, model: RiskModel, tmp_path: Path
) -> None:
    draft, orphan = tmp_path / "models" / ".m1.draft", tmp_path / "models" / "m1"
    for folder in (draft, orphan):
        folder.mkdir(parents=True)
        (folder / "weights.safetensors").write_bytes(b"half")
    _save(registry, model, "m1")
    assert registry.load("m1").kind == "blend"
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["m1"]


def test_a_disk_that_refuses_leaves_no_trace(
    registry: Registry, model: RiskModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("engine.registry._write", full)
    with pytest.raises(StorageError, match=r"could not be written to .*No space left.*train again"):
        _save(registry, model, "m1")
    assert list((tmp_path / "models").iterdir()) == []
    assert registry.cards() == ()

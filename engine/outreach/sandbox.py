"""The language of templates: a small, checked part of Jinja, with no way out to Python.

A template may print variables, test them, loop over a declared list, use the filters below and
extend a file of `_base/`. Calls, assignments, arithmetic, macros and includes are refused when the
template is read, so a template can neither run code nor grow without bound.
"""

from __future__ import annotations

import difflib
import functools
import math
import re
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from engine.errors import TemplateError

if TYPE_CHECKING:
    from jinja2 import nodes
    from jinja2.sandbox import ImmutableSandboxedEnvironment

MAX_OUTPUT = 200_000
"""Characters of one rendered part; mail clients clip a message at about 100 KB."""

MAX_LOOP_DEPTH = 2
"""Loops inside loops: lists are short, so two levels bound the work."""

ALLOWED_NODES = frozenset(
    {"Template", "Output", "TemplateData", "Name", "Getattr", "Getitem", "Const", "If", "For"}
    | {"Filter", "Compare", "Operand", "And", "Or", "Not", "CondExpr", "Extends", "Block", "Test"}
)
ALLOWED_FILTERS = frozenset({"safe_url", "day", "money", "number", "percent", "trim"})
ALLOWED_TESTS = frozenset({"none", "string", "number"})
LOOP_FIELDS = ("index", "first", "last", "length")


def environment(root: Path, *, html: bool) -> ImmutableSandboxedEnvironment:
    """A sandbox over the templates folder; `html` decides whether values are escaped."""
    from jinja2 import FileSystemLoader, StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    sandbox = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(root, encoding="utf-8"),
        undefined=StrictUndefined,
        autoescape=html,
        keep_trailing_newline=True,
    )
    sandbox.globals.clear()
    sandbox.filters = {name: _FILTERS[name] for name in ALLOWED_FILTERS}
    sandbox.tests = {name: sandbox.tests[name] for name in ALLOWED_TESTS}
    return sandbox


def check(
    environment: ImmutableSandboxedEnvironment,
    root: Path,
    file: str,
    source: str,
    declared: Mapping[str, tuple[str, ...]],
) -> None:
    """Refuse a template text that leaves the small language or uses an unknown variable.

    `declared` maps each variable to the fields of its items (empty for a plain value). The files
    that it extends are checked too. Raises `TemplateError` naming file, line and offender.
    """
    from jinja2 import TemplateSyntaxError, nodes

    seen = {file}
    while True:
        try:
            tree = environment.parse(source)
        except TemplateSyntaxError as error:
            raise _refused(file, error.lineno, f"{error.message}") from error
        _Checker(file, declared).visit(tree, {}, 0)
        parents = list(tree.find_all(nodes.Extends))
        if not parents:
            return
        file = _parent(file, parents)
        if file in seen:
            raise _refused(file, 1, "it extends itself")
        seen.add(file)
        try:
            source = (root / file).read_text("utf-8")
        except OSError as error:
            raise _refused(file, 1, "the base layout cannot be read") from error


def _parent(file: str, parents: list[nodes.Extends]) -> str:
    from jinja2 import nodes

    target = parents[0].template
    name = target.value if isinstance(target, nodes.Const) else None
    safe = isinstance(name, str) and re.fullmatch(r"_base/[a-z.]+", name) and ".." not in name
    if len(parents) > 1 or not safe:
        raise _refused(file, parents[0].lineno, "extends must name one file of _base/")
    return str(name)


class _Checker:
    """Walks one parsed file with the loop variables in scope."""

    def __init__(self, file: str, declared: Mapping[str, tuple[str, ...]]) -> None:
        self.file = file
        self.declared = declared
        self.line = 1

    def visit(self, node: nodes.Node, scope: Mapping[str, tuple[str, ...]], depth: int) -> None:
        from jinja2 import nodes

        self.line = node.lineno or self.line  # a few nodes of Jinja carry none
        kind = type(node).__name__
        if kind not in ALLOWED_NODES:
            raise _refused(self.file, self.line, f"{kind} is not part of the template language")
        if isinstance(node, nodes.Name):
            self._name(node.name, node.lineno, scope)
        elif isinstance(node, nodes.Getattr):
            self._field(node, node.attr, scope)
        elif isinstance(node, nodes.Getitem):
            if not isinstance(node.arg, nodes.Const):
                raise _refused(self.file, node.lineno, "an index must be a constant")
            self._field(node, str(node.arg.value), scope)
        elif isinstance(node, nodes.Filter):
            self._listed(node.name, node.lineno, ALLOWED_FILTERS, "filter")
        elif isinstance(node, nodes.Test):
            self._listed(node.name, node.lineno, ALLOWED_TESTS, "test")
        elif isinstance(node, nodes.For):
            self._loop(node, scope, depth)
            return
        for child in node.iter_child_nodes():
            self.visit(child, scope, depth)

    def _loop(self, node: nodes.For, scope: Mapping[str, tuple[str, ...]], depth: int) -> None:
        from jinja2 import nodes

        if depth >= MAX_LOOP_DEPTH or node.recursive:
            raise _refused(self.file, node.lineno, f"loops may nest {MAX_LOOP_DEPTH} deep")
        if not isinstance(node.iter, nodes.Name) or not isinstance(node.target, nodes.Name):
            raise _refused(self.file, node.lineno, "a loop takes one declared list")
        self.visit(node.iter, scope, depth)
        fields = self.declared.get(node.iter.name, ())
        inner = {**scope, node.target.name: fields, "loop": LOOP_FIELDS}
        parts: Iterator[nodes.Node] = iter([*node.body, *node.else_])
        for child in parts:
            self.visit(child, inner, depth + 1)
        if node.test is not None:
            self.visit(node.test, inner, depth + 1)

    def _name(self, name: str, line: int, scope: Mapping[str, tuple[str, ...]]) -> None:
        if name not in self.declared and name not in scope:
            raise unknown_variable(self.file, line, name, [*self.declared, *scope])

    def _field(
        self,
        node: nodes.Getattr | nodes.Getitem,
        field: str,
        scope: Mapping[str, tuple[str, ...]],
    ) -> None:
        from jinja2 import nodes

        if not isinstance(node.node, nodes.Name):
            raise _refused(self.file, node.lineno, "a field of a field is not allowed")
        fields = scope.get(node.node.name, ())
        if field not in fields:
            name = f"{node.node.name}.{field}"
            raise unknown_variable(
                self.file, node.lineno, name, [f"{node.node.name}.{known}" for known in fields]
            )

    def _listed(self, name: str, line: int, allowed: frozenset[str], what: str) -> None:
        if name not in allowed:
            raise _refused(self.file, line, f"the {what} {name!r} is not one of {sorted(allowed)}")


def unknown_variable(file: str, line: int, name: str, known: list[str]) -> TemplateError:
    """The error for a variable that nobody declared, with the nearest declared one."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    return TemplateError(
        "unknown_variable",
        f"Template {file}, line {line}: unknown variable {name!r}",
        why=f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(sorted(known))}",
        next_step="Correct the name, or declare it in the template's meta.toml",
    )


def _refused(file: str, line: int, what: str) -> TemplateError:
    return TemplateError(
        "template_language",
        f"Template {file}, line {line}: {what}",
        next_step="See docs/guides/outreach.md for what a template may contain",
    )


# --- filters ----------------------------------------------------------------------------------


def safe_url(value: str) -> str:
    """An https or mailto address, percent-encoded; anything else is refused."""
    text = str(value).strip()
    parts = urlsplit(text)
    web = parts.scheme == "https" and bool(parts.netloc) and "@" not in parts.netloc
    mail = parts.scheme == "mailto" and "@" in parts.path and not parts.netloc
    if not (web or mail) or re.search(r"[\x00-\x20\x7f-\x9f\\<>\"'`\u2028\u2029]", text):
        raise TemplateError(
            "unsafe_url",
            f"The link {text[:80]!r} is not allowed in a message",
            why="A link starts with https:// or mailto: and holds no spaces or quotes",
            next_step="Correct the setting or the content it comes from",
        )
    return quote(text, safe=":/?#[]@!$&()*+,;=%-._~")


def _with_locale(function: Any) -> Any:
    from jinja2 import pass_context

    return pass_context(function)


def _babel_locale(context: Any) -> Any:
    return _locale("zh_CN" if context["locale"] == "zh" else "en")


@functools.cache
def _locale(name: str) -> Any:
    from babel import Locale

    return Locale.parse(name)


def _day(context: Any, value: date) -> str:
    from babel.dates import format_date

    if not isinstance(value, date):
        raise _wrong_type("day", "a date", value)
    return str(format_date(value, format="long", locale=_babel_locale(context)))


def _money(context: Any, value: float, currency: str) -> str:
    from babel.numbers import format_currency

    return str(format_currency(_finite("money", value), currency, locale=_babel_locale(context)))


def _number(context: Any, value: float) -> str:
    from babel.numbers import format_decimal

    return str(
        format_decimal(_finite("number", value), format="#,##0.##", locale=_babel_locale(context))
    )


def _percent(context: Any, value: float) -> str:
    return f"{_number(context, value)}%"


def _trim(value: str) -> str:
    return str(value).strip()


def _finite(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _wrong_type(name, "a number", value)
    return float(value)


def _wrong_type(name: str, expected: str, value: object) -> TemplateError:
    return TemplateError(
        "wrong_type",
        f"The filter {name!r} got {value!r}",
        why=f"It takes {expected}",
        next_step="Correct the template or the value",
    )


class _Filters(dict[str, Any]):
    """Filters by name; those that need the locale are marked for Jinja on first use."""

    def __missing__(self, name: str) -> Any:
        plain = {"safe_url": safe_url, "trim": _trim}
        localised = {"day": _day, "money": _money, "number": _number, "percent": _percent}
        self[name] = plain[name] if name in plain else _with_locale(localised[name])
        return self[name]


_FILTERS = _Filters()

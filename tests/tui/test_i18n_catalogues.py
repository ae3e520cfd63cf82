"""The catalogues are complete, current, and hold every word that a screen shows."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path

import pytest

from retention_tui.i18n import CATALOGUES, LANGUAGES, current_language, t, tn, use_language
from retention_tui.i18n.catalogue import PACKAGE, compiled, merge, messages, po_bytes, read
from retention_tui.i18n.formats import days_before, duration, local, money, number, percent

TUI_SOURCES = [
    path
    for path in sorted(PACKAGE.rglob("*.py"))
    if "commands" not in path.parts and path.name not in ("cli.py", "demo.py", "catalogue.py")
]
CJK = re.compile("[\u3400-\u9fff\uff00-\uffef]")
SENTENCE = re.compile(r"[A-Za-z]{2,} [a-z]{2,} [a-z]{2,}")


def fields(pattern: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(pattern) if name is not None}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_message_is_translated(language: str) -> None:
    catalogue = read(language)
    for message in messages():
        key = message if isinstance(message, str) else message[0]
        entry = catalogue.get(key)
        assert entry is not None, f"{language}.po lacks {key!r}: run the catalogue module"
        texts = entry.string if isinstance(entry.string, tuple) else (entry.string,)
        assert all(texts), f"{language}.po has no text for {key!r}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_placeholders_are_the_same(language: str) -> None:
    for entry in read(language):
        if not entry.id:
            continue
        sources = entry.id if isinstance(entry.id, tuple) else (entry.id,)
        texts = entry.string if isinstance(entry.string, tuple) else (entry.string,)
        for text in texts:
            assert fields(text) == fields(sources[-1]), entry.id


@pytest.mark.parametrize("language", LANGUAGES)
def test_files_are_what_the_catalogue_module_writes(language: str) -> None:
    catalogue = merge(read(language), language)
    assert (CATALOGUES / f"{language}.po").read_bytes() == po_bytes(catalogue)
    assert (CATALOGUES / f"{language}.mo").read_bytes() == compiled(catalogue)


def shown_strings(path: Path) -> list[tuple[int, str]]:
    """String constants that are neither documentation, styles, nor already a message."""
    tree = ast.parse(path.read_text("utf-8"))
    skipped: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            skipped.add(id(node.value))
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(one, ast.Name) and one.id == "DEFAULT_CSS" for one in targets):
                skipped.update(id(inner) for inner in ast.walk(node))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            allowed = node.func.id in ("t", "tn", "N_") or node.func.id.endswith("Error")
            if allowed:
                skipped.update(id(inner) for inner in ast.walk(node))
    return [
        (node.lineno, node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in skipped
    ]


@pytest.mark.parametrize("path", TUI_SOURCES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_sentence_stands_outside_the_catalogues(path: Path) -> None:
    for line, text in shown_strings(path):
        markup_free = re.sub(r"\[[^\]]*\]|\$\w+", "", text)
        assert not CJK.search(text), f"{path.name}:{line} {text!r}"
        if not text.startswith("usage:"):
            assert not SENTENCE.search(markup_free), f"{path.name}:{line} {text!r}"


def test_the_language_is_switched_and_an_unknown_one_refused() -> None:
    use_language("en")
    assert (t("today"), tn("{n} minute", "{n} minutes", 1)) == ("today", "1 minute")
    assert tn("{n} minute", "{n} minutes", 1_200) == "1,200 minutes"
    use_language("zh")
    assert t("today") == "今天"
    assert tn("{n} minute", "{n} minutes", 2) == "2 分钟"
    with pytest.raises(ValueError, match="'fr'"):
        use_language("fr")
    assert current_language() == "zh"


def test_braces_in_values_are_data() -> None:
    use_language("en")
    assert t("{job}: done", job="{0} {job} %s") == "{0} {job} %s: done"


def test_money_and_numbers() -> None:
    from datetime import datetime

    use_language("zh")
    assert money(1234.5, "CNY") == "¥1,234"
    assert money(-80.0, "CNY") == "-¥80"
    use_language("en")
    assert money(1234.6, "CNY") == "¥1,235"
    assert (money(3.0, "EUR"), money(0.04, "EUR")) == ("€3", "€0.04")
    for absent in (None, float("nan"), float("inf")):
        assert (money(absent, "CNY"), number(absent), percent(absent)) == ("-", "-", "-")
    assert (percent(0.1234, 1), duration(65)) == ("12.3%", "1:05")
    assert local(datetime(2026, 9, 17, 20), "Asia/Shanghai") == datetime(2026, 9, 18, 4)
    assert local(datetime(2026, 9, 17, 20), "No/Where") == datetime(2026, 9, 17, 20)
    assert days_before(datetime(2026, 9, 1), datetime(2026, 9, 18)) == "17 d"
    assert days_before(None, datetime(2026, 9, 18)) == "-"

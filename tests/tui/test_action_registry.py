"""Footer, help, palette, key table and bindings all say what the registry says."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict

import pytest
from rich.cells import cell_len
from textual.keys import _character_to_key
from tui_support import FakeEngineClient, workbench

from retention_tui.actions import ACTIONS, BY_ID, SCOPES, bindings, key_name, markdown, of_scope
from retention_tui.i18n import LANGUAGES, t, use_language
from retention_tui.modals.dialog import Dialog
from retention_tui.screens.base import DataScreen
from retention_tui.screens.compose import ComposeScreen
from retention_tui.screens.data import QualityScreen
from retention_tui.screens.first_run import FirstRunScreen
from retention_tui.screens.help import key_lines
from retention_tui.screens.insight import InsightScreen
from retention_tui.screens.log import LogScreen
from retention_tui.screens.models import ModelsScreen
from retention_tui.screens.risk_list import RiskScreen
from retention_tui.screens.similar import SimilarScreen
from retention_tui.screens.user import UserScreen
from retention_tui.screens.whatif import WhatIfScreen
from retention_tui.widgets.key_bar import fitting, footer_specs
from retention_tui.widgets.paged_table import PagedTable

OWNERS: dict[str, type] = {
    "risk": RiskScreen,
    "user": UserScreen,
    "whatif": WhatIfScreen,
    "similar": SimilarScreen,
    "compose": ComposeScreen,
    "models": ModelsScreen,
    "insight": InsightScreen,
    "data": QualityScreen,
    "log": LogScreen,
    "first_run": FirstRunScreen,
    "dialog": Dialog,
    "table": PagedTable,
}
SCREENS = [scope for scope, owner in OWNERS.items() if issubclass(owner, DataScreen)]
MEANS_ONE_THING = ("/", "?", ":", ".", "x", "X", "e", "R", "escape")


def canonical(key: str) -> str:
    return _character_to_key(key) if len(key) == 1 else key


def test_every_action_has_its_method(fake: FakeEngineClient) -> None:
    assert set(SCOPES) == {*OWNERS, "app"} == {spec.scope for spec in ACTIONS}
    for spec in ACTIONS:
        owner = OWNERS.get(spec.scope, type(workbench(fake)))
        assert callable(getattr(owner, f"action_{spec.name}", None)), spec.id


@pytest.mark.parametrize("scope", SCREENS)
def test_a_key_has_one_meaning_on_a_screen(scope: str) -> None:
    meanings: dict[str, set[str]] = defaultdict(set)
    scopes = (scope, "app", "table") if scope in ("risk", "data", "log") else (scope, "app")
    for spec in (spec for one in scopes for spec in of_scope(one)):
        for key in (*spec.keys, *spec.aliases):
            meanings[canonical(key)].add(spec.id)
    assert {key: ids for key, ids in meanings.items() if len(ids) > 1} == {}


@pytest.mark.parametrize("key", MEANS_ONE_THING)
def test_some_keys_mean_one_thing_everywhere(key: str) -> None:
    names = {spec.name for spec in ACTIONS if key in spec.keys and spec.scope != "dialog"}
    assert len(names) == 1, names


def test_every_action_has_a_key_that_an_input_method_lets_through() -> None:
    for spec in ACTIONS:
        through = [key for key in spec.keys if len(key) > 1 or key.isdigit()]
        assert through, f"{spec.id} has only letters and punctuation: {spec.keys}"


def test_no_key_that_terminals_cannot_tell_apart() -> None:
    forbidden = {"ctrl+i", "ctrl+m", "ctrl+h", "ctrl+enter", "ctrl+a", "ctrl+j", "ctrl+["}
    assert not [spec.id for spec in ACTIONS if forbidden & set(spec.keys)]


def test_punctuation_keys_have_their_full_width_forms() -> None:
    for spec in ACTIONS:
        first = spec.keys[0]
        if len(first) == 1 and first in "/?:.[]":
            assert spec.aliases, spec.id
    wide = _character_to_key("？")
    assert wide in BY_ID["app.help"].aliases
    assert unicodedata.normalize("NFKC", "？") == "?"


def test_bindings_are_the_registry() -> None:
    for scope in SCOPES:
        bound = {binding.action: binding.key for binding in bindings(scope)}  # type: ignore[union-attr]
        assert bound == {
            spec.name: ",".join((*spec.keys, *spec.aliases)) for spec in of_scope(scope)
        }


@pytest.mark.parametrize("language", LANGUAGES)
def test_help_and_key_table_hold_every_action(language: str) -> None:
    use_language(language)
    helped = "\n".join(line.plain for line in key_lines("risk"))
    table = markdown()
    for spec in ACTIONS:
        assert t(spec.text) in helped, spec.id
        assert t(spec.text) in table, spec.id
        for key in spec.keys:
            assert key_name(key) in helped, spec.id
    assert helped.startswith(t("Risk list"))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("scope", SCREENS)
@pytest.mark.parametrize("columns", [60, 80, 120])
def test_the_footer_fits_and_keeps_the_way_to_help(language: str, scope: str, columns: int) -> None:
    use_language(language)
    kept = fitting(footer_specs(scope), columns)
    width = sum(cell_len(key_name(spec.keys[0])) + cell_len(t(spec.label)) + 3 for spec in kept)
    assert width <= columns
    assert "app.help" in [spec.id for spec in kept]
    assert len([spec for spec in kept if spec.scope == scope]) >= min(2, len(of_scope(scope)))


def test_the_key_table_is_markdown() -> None:
    use_language("en")
    rows = markdown().splitlines()
    assert all(re.fullmatch(r"\|.*\|.*\|.*\|", row) for row in rows)
    assert len(rows) == len(ACTIONS) + 2

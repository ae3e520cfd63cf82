"""The guide has a page for every pack, and what it says can be typed."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from engine.data.contract import contract
from engine.data.packs import pack_names, pack_text

PAGES = Path(__file__).parents[3] / "docs" / "guides" / "packs"


@pytest.mark.parametrize("pack", pack_names())
def test_a_page_names_the_pack_s_tables_and_rule(pack: str) -> None:
    page = (PAGES / f"{pack}.md").read_text("utf-8")
    mapping = tomllib.loads(pack_text(pack))
    assert f"`{mapping['churn']['rule']}`: " in page
    tables = set(re.findall(r"^\| [^|]+ \| `(\w+)`", page, flags=re.MULTILINE))
    assert tables <= set(contract())
    assert set(mapping["tables"]) <= tables


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda path: path.stem)
def test_what_a_page_shows_parses_and_its_links_lead_somewhere(page: Path) -> None:
    text = page.read_text("utf-8")
    for example in re.findall(r"```toml\n(.*?)```", text, flags=re.DOTALL):
        tomllib.loads(example)
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert (page.parent / target).exists(), target

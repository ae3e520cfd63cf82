"""Templates: complete, honest in both parts, and no way out of their small language."""

from __future__ import annotations

import re
import shutil
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import pytest

from engine.errors import TemplateError, UsageError
from engine.outreach.lint import Page
from engine.outreach.match import read_table, suggest
from engine.outreach.sandbox import safe_url
from engine.outreach.templates import TemplateLibrary, templates_root

LIBRARY = TemplateLibrary()
IDS = sorted(LIBRARY.templates)
CASES = [(template_id, locale) for template_id in IDS for locale in ("zh", "en")]
GROUPS = {"fading_use", "unused_value", "content_exhausted", "payment_failure", "price"} | {
    "term_ending",
    "support_trouble",
    "history",
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the templates that a test may spoil."""
    return Path(shutil.copytree(templates_root(), tmp_path / "templates"))


class _Text(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.words = ""
        self.feed(html.split("<body", 1)[1])

    def handle_data(self, data: str) -> None:
        self.words += data


def test_the_starter_set_is_there() -> None:
    assert {
        "care_check_in",
        "unused_value",
        "content_recommendation",
        "payment_failed",
        "discount",
        "membership_ending",
    } <= set(IDS)
    classes = {info.template_id: info.message_class for info in LIBRARY.list()}
    assert classes["payment_failed"] == "transactional"
    assert [info.template_id for info in LIBRARY.list() if info.offer] == ["discount"]


def test_every_template_passes_lint() -> None:
    assert LIBRARY.lint() == ()


@pytest.mark.parametrize(("template_id", "locale"), CASES)
def test_both_parts_say_the_same(template_id: str, locale: str) -> None:
    values = LIBRARY.sample(template_id, locale)
    message = LIBRARY.render(template_id, locale, values)
    words = "".join(_Text(message.html).words.split())
    body = message.text.split("\n----\n")[0]
    for line in body.splitlines():
        said = re.sub(r"[：:]? ?(https://|mailto:)\S+$|^· |^- ", "", line)
        for piece in re.split(r"[　，,]", said):
            assert "".join(piece.split()) in words
    for name in ("offer_code", "next_title"):
        if name in LIBRARY.get(template_id).meta.variables:
            assert str(values[name]) in message.text
            assert str(values[name]) in message.html
    links = Page(message.html).links
    assert links
    assert all(link in message.text for link in links)


@pytest.mark.parametrize(("template_id", "locale"), CASES)
def test_marketing_can_be_refused_and_notices_hold_no_promotion(
    template_id: str, locale: str
) -> None:
    values = LIBRARY.sample(template_id, locale)
    message = LIBRARY.render(template_id, locale, values)
    marketing = LIBRARY.get(template_id).meta.message_class == "marketing"
    for part in (message.text, message.html):
        assert (str(values["unsubscribe_url"]) in part) is marketing
        assert (str(values["no_targeting_url"]) in part) is marketing
        assert str(values["sender_address"]) in part


@pytest.mark.parametrize(("template_id", "locale"), CASES)
def test_rendering_is_repeatable_and_bound_to_its_values(template_id: str, locale: str) -> None:
    values = LIBRARY.sample(template_id, locale)
    first = LIBRARY.render(template_id, locale, values)
    assert TemplateLibrary().render(template_id, locale, values) == first
    assert LIBRARY.render(template_id, locale, values | {"name": "Zhao"}).sha256 != first.sha256


def test_another_version_when_any_file_changes(copy: Path) -> None:
    before = TemplateLibrary(copy).get("discount").version
    with (copy / "_base" / "marketing.en.txt").open("a") as file:
        file.write("\n")
    assert TemplateLibrary(copy).get("discount").version != before


# --- words of the user are data -----------------------------------------------------------------

HOSTILE = [
    "{{ 7 * 7 }}",
    "{% for x in range(9) %}x{% endfor %}",
    "{{ ''.__class__.__mro__ }}",
    "{{ config }}",
    "{# comment #}",
    "{% include '/etc/passwd' %}",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</td></tr></table><form action=https://evil.example>",
    "'; DROP TABLE users; --",
    "${7*7}",
    "#{7*7}",
    "<%= 7*7 %>",
    "{{request.application.__globals__}}",
    "&lt;b&gt;",
]


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("template_id", ["care_check_in", "content_recommendation"])
def test_values_are_never_read_as_template_or_markup(template_id: str, hostile: str) -> None:
    values = LIBRARY.sample(template_id, "en") | {"name": hostile}
    if template_id == "content_recommendation":
        values["recommended"] = [{"title": hostile, "author": hostile, "minutes": 3}]
    message = LIBRARY.render(template_id, "en", values)
    assert hostile in message.text
    assert "49" not in message.text.replace("0123456789", "")
    assert hostile in _Text(message.html).words
    page = Page(message.html)
    assert page.problems == []
    assert len(page.links) == len(
        Page(LIBRARY.render(template_id, "en", LIBRARY.sample(template_id, "en")).html).links
    )


# --- what a template may not contain -----------------------------------------------------------

ATTACKS = [
    "{{ ''.__class__ }}",
    "{{ name.__class__.__mro__ }}",
    "{{ name['__class__'] }}",
    "{{ name|attr('__class__') }}",
    "{{ name.upper() }}",
    "{{ range(100000) }}",
    "{{ lipsum() }}",
    "{{ cycler.__init__ }}",
    "{{ self }}",
    "{{ self.__init__ }}",
    "{{ 'x' * 1000000000 }}",
    "{{ 2 ** 99999999 }}",
    "{{ '%99999999d' % 1 }}",
    "{{ name ~ name }}",
    "{% set x = name %}{{ x }}",
    "{% macro f() %}{% endmacro %}{{ f() }}",
    "{% include 'discount/zh.txt' %}",
    "{% import 'discount/zh.txt' as x %}",
    "{% from 'discount/zh.txt' import x %}",
    "{% extends name %}",
    "{% extends '../../etc/passwd' %}",
    "{% extends '/etc/passwd' %}",
    "{% extends '_base/../../pyproject.toml' %}",
    "{% for a in recommended %}{% for b in recommended %}{% for c in recommended %}"
    "{% endfor %}{% endfor %}{% endfor %}",
    "{% for a in range(9) %}{% endfor %}",
    "{% for a in 'abc' %}{% endfor %}",
    "{% for a in recommended recursive %}{% endfor %}",
    "{{ name|safe }}",
    "{{ name|format }}",
    "{{ name|default('x') }}",
    "{{ name|map('upper') }}",
    "{{ recommended|tojson }}",
    "{% autoescape false %}{{ name }}{% endautoescape %}",
    "{% filter upper %}x{% endfilter %}",
    "{% call name() %}{% endcall %}",
    "{% do name %}",
    "{{ loop.index }}",
    "{{ recommended[name] }}",
    "{{ [1, 2, 3] }}",
    "{{ {'a': 1} }}",
    "{{ name is callable }}",
    "{{ environ }}",
    "{% if name %}",
    "{{ name",
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_templates_that_leave_the_language_are_refused(copy: Path, attack: str) -> None:
    (copy / "content_recommendation" / "en.txt").write_text(attack)
    library = TemplateLibrary(copy)
    with pytest.raises(TemplateError, match=r"content_recommendation/en\.txt, line 1"):
        library.render(
            "content_recommendation", "en", library.sample("content_recommendation", "en")
        )


def test_an_unknown_variable_names_line_and_nearest(copy: Path) -> None:
    (copy / "care_check_in" / "en.txt").write_text("Hello\n\n{{ nmae }}\n")
    library = TemplateLibrary(copy)
    with pytest.raises(TemplateError) as raised:
        library.render("care_check_in", "en", library.sample("care_check_in", "en"))
    assert raised.value.sentence == (
        "Template care_check_in/en.txt, line 3: unknown variable 'nmae'. Did you mean 'name'? "
        "Correct the name, or declare it in the template's meta.toml."
    )


def test_an_unknown_field_of_an_item_names_the_nearest(copy: Path) -> None:
    path = copy / "content_recommendation" / "zh.html"
    path.write_text(path.read_text().replace("item.title", "item.titel"))
    library = TemplateLibrary(copy)
    with pytest.raises(TemplateError, match=r"'item\.titel'.*'item\.title'"):
        library.render(
            "content_recommendation", "zh", library.sample("content_recommendation", "zh")
        )


def test_an_unknown_variable_in_the_subject(copy: Path) -> None:
    path = copy / "discount" / "meta.toml"
    path.write_text(path.read_text().replace("{{ offer_code }}", "{{ offer_kode }}"))
    with pytest.raises(TemplateError, match=r"preheader\.zh.*'offer_kode'.*'offer_code'"):
        TemplateLibrary(copy).render("discount", "zh", LIBRARY.sample("discount", "zh"))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda c: (c / "discount" / "en.txt").unlink(), "This part is missing"),
        (
            lambda c: _replace(c / "discount" / "meta.toml", 'en = "{{ offer_percent',
                               'en = "OFFERS!!! {{ offer_percent'),
            "looks like spam",
        ),
        (
            lambda c: _replace(c / "care_check_in" / "meta.toml", "How is it going?", "How " * 20),
            "phones show 50",
        ),
        (
            lambda c: _replace(c / "_base" / "layout.html", "site_url|safe_url", "site_url"),
            "does not pass through safe_url",
        ),
        (
            lambda c: _replace(c / "care_check_in" / "en.html", "{% block body %}",
                               "{% block body %}<script>x</script>"),
            "<script> is not allowed",
        ),
        (
            lambda c: _replace(c / "care_check_in" / "en.html", "{% block body %}",
                               '{% block body %}<a href="javascript:x">x</a>'),
            "Unsafe link javascript:x",
        ),
        (
            lambda c: _replace(c / "care_check_in" / "en.html", "{% block body %}",
                               '{% block body %}<a href="{{ name }}">x</a>'),
            "does not pass through safe_url",
        ),
        (
            lambda c: _replace(c / "care_check_in" / "en.html", "{% block body %}",
                               '{% block body %}<a href="https://example.com/only-here">x</a>'),
            "The text part lacks the link https://example.com/only-here",
        ),
        (
            lambda c: _replace(c / "care_check_in" / "en.html", "{% block body %}",
                               '{% block body %}<img src="https://example.com/x.png">'),
            "An image has no alt text",
        ),
        (
            lambda c: _replace(c / "care_check_in" / "en.html", "{% block body %}",
                               "{% block body %}<h1>Again</h1>"),
            "2 h1, not one",
        ),
        (
            lambda c: _replace(c / "care_check_in" / "en.html", "{% block body %}",
                               "{% block body %}" + "x" * 110_000),
            "Over 100 KB",
        ),
    ],
)  # fmt: skip
def test_lint_finds_each_defect(copy: Path, change: object, expected: str) -> None:
    change(copy)  # type: ignore[operator]
    found = [problem.words.en for problem in TemplateLibrary(copy).lint()]
    assert any(expected in words for words in found), found


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_output_is_bounded() -> None:
    values = LIBRARY.sample("content_recommendation", "en")
    values["recommended"] = [{"title": "x" * 1000, "author": "", "minutes": 1}] * 300
    with pytest.raises(TemplateError, match="renders more than 200,000 characters"):
        LIBRARY.render("content_recommendation", "en", values)


class _Callable:
    def delete(self) -> str:
        return "gone"


@pytest.mark.parametrize("value", [_Callable(), b"x", {"a": 1}, {1, 2}, print])
def test_objects_are_no_values(value: object) -> None:
    with pytest.raises(TemplateError, match="'name' is a"):
        LIBRARY.render(
            "care_check_in", "en", LIBRARY.sample("care_check_in", "en") | {"name": value}
        )


def test_a_missing_required_value_is_named() -> None:
    values = LIBRARY.sample("membership_ending", "zh")
    del values["plan_ends_on"]
    with pytest.raises(TemplateError, match="needs 'plan_ends_on', which this user does not have"):
        LIBRARY.render("membership_ending", "zh", values)


def test_unknown_ids_and_locales_name_the_nearest() -> None:
    with pytest.raises(UsageError, match="The nearest is 'discount'"):
        LIBRARY.get("dicsount")
    with pytest.raises(TemplateError, match="has no language 'fr'"):
        LIBRARY.render("discount", "fr", {})


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:x", "data:text/html,x",
     "vbscript:x", "http://example.com", "//example.com", "/path", "ftp://example.com", "https:///x",
     "file:///etc",
     "https://example.com\nx", "https://ex ample.com", 'https://example.com/"onclick=', "mailto:",
     "https://user@evil.example/", "https://example.com/<x>", "", "https:\\\\evil", "mailto:x"],
)  # fmt: skip
def test_unsafe_links_are_refused(url: str) -> None:
    with pytest.raises(TemplateError, match="is not allowed in a message"):
        safe_url(url)


@pytest.mark.parametrize(
    ("url", "written"),
    [("https://example.com/a?b=c&d=e#f", "https://example.com/a?b=c&d=e#f"),
     ("https://example.com/a%20b", "https://example.com/a%20b"),
     ("https://example.com/课程", "https://example.com/%E8%AF%BE%E7%A8%8B"),
     ("mailto:a@example.com?subject=x%20y", "mailto:a@example.com?subject=x%20y")],
)  # fmt: skip
def test_safe_links_stay(url: str, written: str) -> None:
    assert safe_url(url) == written


def test_dates_and_money_follow_the_language() -> None:
    values = LIBRARY.sample("payment_failed", "zh") | {"failed_on": date(2026, 1, 5)}
    assert "2026年1月5日" in LIBRARY.render("payment_failed", "zh", values).text
    english = LIBRARY.render("payment_failed", "en", values).text
    assert "January 5, 2026" in english
    assert "CN¥258.00" in english


# --- which template answers which reason --------------------------------------------------------


def test_every_reason_group_has_an_answer_that_claims_it() -> None:
    table = read_table(LIBRARY)
    assert set(table.by_reason) == GROUPS
    for group, ids in table.by_reason.items():
        assert group in LIBRARY.get(ids[0]).meta.reasons


def test_a_suggestion_is_true_of_the_user_and_gives_nothing_unasked() -> None:
    assert suggest(LIBRARY, ["price"], {"lessons_left"})[0] == "unused_value"
    known = {"offer_percent", "offer_code", "offer_until"}
    assert suggest(LIBRARY, ["price"], known)[0] == "discount"
    assert suggest(LIBRARY, ["payment_failure"], set()) == ("care_check_in",)
    assert suggest(LIBRARY, ["nobody knows"], set()) == ("care_check_in",)
    assert (
        suggest(LIBRARY, ["term_ending", "payment_failure"], {"failed_on"})[0]
        != "membership_ending"
    )


def test_a_table_that_names_no_template_is_refused(copy: Path) -> None:
    _replace(copy / "match.toml", '"discount"', '"discuont"')
    with pytest.raises(UsageError, match="no template 'discuont'"):
        read_table(TemplateLibrary(copy))

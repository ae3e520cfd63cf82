"""What is wrong with the templates, before any of them reaches a user."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from engine.errors import TemplateError
from engine.types import LintProblem, Words

if TYPE_CHECKING:
    from engine.outreach.templates import TemplateLibrary

MAX_SUBJECT_CELLS = 50
"""Columns of a subject that phones show: 50 Latin letters, or 25 Chinese characters."""

MAX_HTML_BYTES = 100_000
"""Gmail clips a message at about 102 KB."""

FORBIDDEN_TAGS = frozenset(
    {"script", "style", "link", "iframe", "object", "embed", "form", "input", "button"}
    | {"svg", "video", "audio", "base"}
)
SPAM = re.compile(r"[!！]{2,}|[￥¥$]{2,}|\b[A-Z]{6,}\b|^\s*(?i:re|fw|fwd|回复|转发)\s*[:：]")
"""Repeated marks, a shouted word, a pretended reply."""


def lint(library: TemplateLibrary) -> tuple[LintProblem, ...]:
    """Every problem of every template, in the order of ids and languages."""
    problems = list(_of_layouts(library))
    for name in library.templates:
        problems.extend(_of(library, name))
    return tuple(problems)


def _of_layouts(library: TemplateLibrary) -> Iterator[LintProblem]:
    for path in sorted((library.root / "_base").glob("*.html")):
        for link in SourceLinks(path.read_text("utf-8")).unsafe:
            yield _unsafe_link("_base", "", path.name, link)


def _of(library: TemplateLibrary, template_id: str) -> Iterator[LintProblem]:
    from engine.outreach.templates import LOCALES

    template = library.get(template_id)
    for name in template.meta.requires:
        if name not in template.variables:
            yield _problem(
                template_id,
                "",
                "meta",
                f"requires 里的 {name} 没有声明",
                f"requires names {name!r}, which is not declared",
            )
    for locale in LOCALES:
        if locale not in template.locales:
            missing = [
                part
                for part in ("html", "txt")
                if not (library.root / template_id / f"{locale}.{part}").is_file()
            ]
            for part in missing:
                yield _problem(template_id, locale, part, "缺少这个部分", "This part is missing")
            continue
        yield from _of_locale(library, template_id, locale)


def _of_locale(library: TemplateLibrary, template_id: str, locale: str) -> Iterator[LintProblem]:
    try:
        message = library.render(template_id, locale, library.sample(template_id, locale))
    except TemplateError as error:
        yield _problem(template_id, locale, "", error.sentence, error.sentence)
        return
    width = cells(message.subject)
    if width > MAX_SUBJECT_CELLS:
        yield _problem(
            template_id,
            locale,
            "subject",
            f"主题过长：占 {width} 列，手机上只显示 {MAX_SUBJECT_CELLS} 列",
            f"The subject takes {width} columns; phones show {MAX_SUBJECT_CELLS}",
        )
    if SPAM.search(message.subject):
        yield _problem(
            template_id,
            locale,
            "subject",
            "主题像垃圾邮件：重复的叹号、大写单词或假冒的“回复”",
            "The subject looks like spam: repeated marks, capitals, or a pretended reply",
        )
    if not 20 <= cells(message.preheader) <= 90:
        yield _problem(
            template_id,
            locale,
            "preheader",
            "摘要宜在 20 到 90 列之间",
            "The preview line should take 20 to 90 columns",
        )
    if len(message.html.encode()) > MAX_HTML_BYTES:
        yield _problem(
            template_id, locale, "html", "超过 100 KB，会被截断", "Over 100 KB: it will be clipped"
        )
    page = Page(message.html)
    for zh, en in page.problems:
        yield _problem(template_id, locale, "html", zh, en)
    source = SourceLinks(library.source(template_id, locale, "html"))
    for link in source.unsafe:
        yield _unsafe_link(template_id, locale, "html", link)
    in_text = set(re.findall(r"(?:https://|mailto:)[^\s，。；）)]+", message.text))
    for link in sorted(set(page.links) - in_text):
        yield _problem(
            template_id,
            locale,
            "txt",
            f"文本部分缺少链接 {link}",
            f"The text part lacks the link {link}",
        )


def cells(text: str) -> int:
    """Columns that `text` takes: two for a wide character."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


class Page(HTMLParser):
    """The links of a rendered HTML part, and what a mail client or a reader would stumble over."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[str] = []
        self.problems: list[tuple[str, str]] = []
        self._headings = 0
        self._language = ""
        self.feed(html)
        self.close()
        if self._headings != 1:
            self.problems.append(
                (f"应有且只有一个 h1，现有 {self._headings} 个", f"{self._headings} h1, not one")
            )
        if not self._language:
            self.problems.append(("html 缺少 lang", "html has no lang"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "h1":
            self._headings += 1
        if tag == "html":
            self._language = values.get("lang", "")
        if tag == "a":
            self.links.append(values.get("href", ""))
        if tag in FORBIDDEN_TAGS:
            self.problems.append((f"不允许的标签 <{tag}>", f"The tag <{tag}> is not allowed"))
        if tag == "img" and "alt" not in values:
            self.problems.append(("图片缺少 alt", "An image has no alt text"))
        if tag == "table" and values.get("role") != "presentation":
            self.problems.append(
                ("排版表格缺少 role=presentation", "A layout table lacks role=presentation")
            )
        for name in values:
            if name.startswith("on"):
                self.problems.append((f"不允许的属性 {name}", f"{name} is not allowed"))
        for name in ("href", "src"):
            value = values.get(name, "")
            if value and not re.match(r"https://|mailto:", value):
                self.problems.append((f"不安全的链接 {value}", f"Unsafe link {value}"))


class SourceLinks(HTMLParser):
    """Links in a template as written: constant https or mailto, or passed through `safe_url`."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.unsafe: list[str] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src") and not re.fullmatch(
                r"\{\{[^{}|]+\|\s*safe_url\s*\}\}|(https://|mailto:)[^{}]+", value or ""
            ):
                self.unsafe.append(value or "")


def _unsafe_link(template_id: str, locale: str, part: str, link: str) -> LintProblem:
    return _problem(
        template_id,
        locale,
        part,
        f"链接没有经过 safe_url：{link}",
        f"This link does not pass through safe_url: {link}",
    )


def _problem(template_id: str, locale: str, part: str, zh: str, en: str) -> LintProblem:
    return LintProblem(template_id, locale, part, Words(zh=zh, en=en))

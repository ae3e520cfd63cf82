"""The e-mail templates: read, described, and rendered for one user.

A template is a folder `<id>/` with `meta.toml` (what it is for, its variables) and, per locale, an
`.html` and a `.txt` part, both extending a layout of `_base/`.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.errors import TemplateError, UsageError
from engine.outreach import sandbox
from engine.types import LintProblem, RenderedMessage, TemplateInfo, Words

if TYPE_CHECKING:
    from jinja2 import Template as JinjaTemplate
    from jinja2.sandbox import ImmutableSandboxedEnvironment

LOCALES = ("zh", "en")
PARTS = ("subject", "preheader", "txt", "html")

VariableType = Literal["str", "url", "date", "number", "percent", "money", "bool", "list"]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


M = TypeVar("M", bound=_Model)


class LocalText(_Model):
    """One text in both languages."""

    zh: str
    en: str


class Variable(_Model):
    """A declared variable with the sample that lint and a preview without a user show."""

    type: VariableType
    optional: bool = False
    """Absent for a user: rendered as empty instead of refused."""
    fields: tuple[str, ...] = ()
    sample: Any

    def sample_for(self, locale: str) -> object:
        if isinstance(self.sample, dict):
            return self.sample[locale]
        return self.sample


class Meta(_Model):
    """`meta.toml` of one template."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,40}$")]
    version: int
    message_class: Literal["marketing", "transactional"] = Field(alias="class")
    reasons: tuple[str, ...]
    offer: bool
    requires: tuple[str, ...] = ()
    """Variables without which the message would not be true of the user."""
    title: LocalText
    subject: LocalText
    preheader: LocalText
    variables: Mapping[str, Variable] = {}


class _Shared(_Model):
    variables: Mapping[str, Variable]


@dataclass(frozen=True, slots=True)
class Template:
    """One template as read from disk."""

    meta: Meta
    variables: Mapping[str, Variable]  # its own and the shared ones
    locales: tuple[str, ...]  # those with both parts
    version: str  # first 12 hex digits of the sha256 over its files and the base layouts
    info: TemplateInfo


def templates_root() -> Path:
    """The folder of the templates: beside the package in a checkout, inside it when installed."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "_templates"
    return installed if installed.is_dir() else package.parent / "templates"


class TemplateLibrary:
    """All templates under `root`; files are read once, on first use."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = (root or templates_root()).resolve()
        # Checked and compiled, by file and text: half of the time of a render otherwise.
        self._compiled: dict[tuple[str, str], JinjaTemplate] = {}

    @cached_property
    def templates(self) -> Mapping[str, Template]:
        """Id -> template, in the order of their ids."""
        shared = _read_meta(self.root / "_base" / "meta.toml", _Shared).variables
        found = {}
        for path in sorted(self.root.glob("*/meta.toml")):
            if path.parent.name != "_base":
                found[path.parent.name] = self._read(path, shared)
        return found

    def list(self) -> tuple[TemplateInfo, ...]:
        """What there is, for screens."""
        return tuple(template.info for template in self.templates.values())

    def get(self, template_id: str) -> Template:
        """Raises `UsageError` with the nearest id when there is none of that name."""
        template = self.templates.get(template_id)
        if template is None:
            import difflib

            near = difflib.get_close_matches(template_id, self.templates, n=1, cutoff=0)
            raise UsageError(
                "unknown_template",
                f"There is no template {template_id!r}",
                why=f"The nearest is {near[0]!r}" if near else "",
                next_step="`retention templates list` shows them all",
            )
        return template

    def lint(self) -> tuple[LintProblem, ...]:
        """What is wrong with the templates; empty when they may be used."""
        from engine.outreach.lint import lint

        return lint(self)

    def sample(self, template_id: str, locale: str) -> dict[str, object]:
        """The declared sample values, for lint and a preview without a user."""
        variables = self.get(template_id).variables
        return {name: variable.sample_for(locale) for name, variable in variables.items()} | {
            "locale": locale
        }

    def source(self, template_id: str, locale: str, part: str) -> str:
        """The text of one part (see `PARTS`) as written."""
        meta = self.get(template_id).meta
        if part in ("subject", "preheader"):
            return str(getattr(getattr(meta, part), locale))
        try:
            return (self.root / template_id / f"{locale}.{part}").read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise TemplateError(
                "missing_part",
                f"Template {template_id!r} has no readable {locale}.{part}",
                next_step="Add the file, or choose another language",
            ) from error

    def render(
        self, template_id: str, locale: str, variables: Mapping[str, object]
    ) -> RenderedMessage:
        """The message for one user.

        Values are text, numbers, dates, or lists of flat mappings of those. Raises `TemplateError`
        when the template asks for what is neither declared nor given, or leaves its language.
        """
        template = self.get(template_id)
        values = self._values(template, locale, variables)
        subject = one_line(self._part(template_id, locale, "subject", values))
        preheader = one_line(self._part(template_id, locale, "preheader", values))
        values |= {"subject": subject, "preheader": preheader}
        text = tidy(self._part(template_id, locale, "txt", values))
        html = self._part(template_id, locale, "html", values)
        return RenderedMessage(
            template_id=template_id,
            version=template.version,
            locale=locale,
            subject=subject,
            preheader=preheader,
            text=text,
            html=html,
            sha256=_sha256(json.dumps([subject, preheader, text, html], ensure_ascii=False)),
        )

    def _values(
        self, template: Template, locale: str, variables: Mapping[str, object]
    ) -> dict[str, object]:
        template_id = template.meta.id
        if locale not in template.locales:
            raise TemplateError(
                "unknown_locale",
                f"Template {template_id!r} has no language {locale!r}",
                why=f"It has {', '.join(template.locales)}",
                next_step="Choose one of these",
            )
        # The subject is rendered before the parts that show it.
        values: dict[str, object] = {"locale": locale, "subject": "", "preheader": ""}
        for name, variable in template.variables.items():
            if name in values:
                continue
            value = variables.get(name)
            if value is None or value == []:
                if not variable.optional:
                    raise TemplateError(
                        "missing_value",
                        f"Template {template_id!r} needs {name!r}, which this user does not have",
                        next_step="Choose another template for this user",
                    )
                value = [] if variable.type == "list" else ""
            values[name] = _plain(template_id, name, value)
        return values

    def _part(self, template_id: str, locale: str, part: str, values: dict[str, object]) -> str:
        from jinja2 import TemplateError as JinjaError

        source = self.source(template_id, locale, part)
        inline = part in ("subject", "preheader")
        file = (
            f"{template_id}/meta.toml {part}.{locale}"
            if inline
            else f"{template_id}/{locale}.{part}"
        )
        environment = self._html if part == "html" else self._text
        key = (file, source)
        if key not in self._compiled:
            declared = {
                name: variable.fields for name, variable in self.get(template_id).variables.items()
            }
            sandbox.check(environment, self.root, file, source, declared)
        try:
            if key not in self._compiled:
                self._compiled[key] = environment.from_string(source)
            compiled = self._compiled[key]
            return _capped(file, compiled.generate(values))
        except JinjaError as error:
            raise TemplateError(
                "render",
                f"Template {file}: {str(error) or type(error).__name__}",
                next_step="Correct the template; `retention templates lint` shows all problems",
            ) from error

    @cached_property
    def _html(self) -> ImmutableSandboxedEnvironment:
        return sandbox.environment(self.root, html=True)

    @cached_property
    def _text(self) -> ImmutableSandboxedEnvironment:
        return sandbox.environment(self.root, html=False)

    @cached_property
    def _base_digest(self) -> str:
        return _digest_of(sorted((self.root / "_base").iterdir()))

    def _read(self, path: Path, shared: Mapping[str, Variable]) -> Template:
        meta = _read_meta(path, Meta)
        folder = path.parent
        if meta.id != folder.name:
            raise TemplateError(
                "template_id",
                f"{folder.name}/meta.toml says id = {meta.id!r}",
                why="The id is the folder's name",
                next_step="Rename one of them",
            )
        locales = tuple(
            locale
            for locale in LOCALES
            if all((folder / f"{locale}.{part}").is_file() for part in ("html", "txt"))
        )
        files = sorted(file for file in folder.iterdir() if file.is_file())
        version = _sha256(self._base_digest + _digest_of(files))[:12]
        info = TemplateInfo(
            template_id=meta.id,
            version=version,
            locales=locales,
            message_class=meta.message_class,
            reasons=meta.reasons,
            title=Words(zh=meta.title.zh, en=meta.title.en),
            offer=meta.offer,
        )
        return Template(meta, {**shared, **meta.variables}, locales, version, info)


def one_line(text: str) -> str:
    """`text` with every run of white space made one blank: for subjects and preview lines."""
    return " ".join(text.split())


def tidy(text: str) -> str:
    """The text part without trailing blanks and with at most one empty line in a row."""
    lines = "\n".join(line.rstrip() for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines).strip() + "\n"


def _read_meta(path: Path, model: type[M]) -> M:
    where = f"{path.parent.name}/{path.name}"
    try:
        return model.model_validate(tomllib.loads(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TemplateError(
            "template_meta", f"{where} cannot be read: {error}", next_step="Mend that file"
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise TemplateError(
            "template_meta", f"{where}: {key}", why=first["msg"], next_step="Mend that key"
        ) from error


def _plain(template_id: str, name: str, value: object, *, nested: bool = False) -> object:
    """`value` if it is harmless data: never an object with methods of ours."""
    if type(value) in (str, int, float, bool, date):
        return value
    if not nested and isinstance(value, list | tuple):
        return [
            {
                str(key): _plain(template_id, f"{name}.{key}", field, nested=True)
                for key, field in item.items()
            }
            for item in value
            if isinstance(item, Mapping)
        ]
    if nested and value is None:
        return ""
    raise TemplateError(
        "variable_type",
        f"Template {template_id!r}: {name!r} is a {type(value).__name__}",
        why="A variable is text, a number, a date, or a list of these by field",
        next_step="Convert it before rendering",
    )


def _capped(file: str, chunks: Any) -> str:
    parts, size = [], 0
    for chunk in chunks:
        size += len(chunk)
        if size > sandbox.MAX_OUTPUT:
            raise TemplateError(
                "too_large",
                f"Template {file} renders more than {sandbox.MAX_OUTPUT:,} characters",
                next_step="Shorten it; mail clients clip a message at about 100 KB",
            )
        parts.append(chunk)
    return "".join(parts)


def _digest_of(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.name}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()

"""Fill a report's template; it extends `base.html`, which brings head, colours and layout."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from engine.types import Language

if TYPE_CHECKING:
    from jinja2 import Template


def render(package: str, *, language: Language, **values: object) -> str:
    """The file `page.html` of `package` with `values`; text is escaped, a missing name an error.

    The template fills the blocks `title` and `body`.
    """
    return _template(package).render(language="zh-CN" if language == "zh" else "en", **values)


@cache
def _template(package: str) -> Template:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        loader=FunctionLoader(lambda name: _source("engine.pages", name)),
    )
    return environment.from_string(_source(package, "page.html"))


def _source(package: str, name: str) -> str:
    return resources.files(package).joinpath(name).read_text("utf-8")

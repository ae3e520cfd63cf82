"""The words of the screens: gettext catalogues, keyed by the English source string.

One language is in use per process (the browser mode starts one process per session), so the
choice is kept here rather than passed through every widget.
"""

from __future__ import annotations

import gettext
from functools import cache
from pathlib import Path

LANGUAGES = ("zh", "en")
CATALOGUES = Path(__file__).parent

_language = "zh"


@cache
def _catalogue(language: str) -> gettext.NullTranslations:
    path = CATALOGUES / f"{language}.mo"
    if not path.exists():
        return gettext.NullTranslations()
    with path.open("rb") as file:
        return gettext.GNUTranslations(file)


def use_language(language: str) -> None:
    """Take `language` ("zh" or "en") for every later `t` and `tn`; raises ValueError otherwise."""
    global _language
    if language not in LANGUAGES:
        raise ValueError(f"language must be one of {LANGUAGES}, got {language!r}")
    _language = language


def current_language() -> str:
    """The language in use."""
    return _language


def N_(message: str) -> str:
    """Mark `message` for the catalogues; it is translated later, where it is shown."""
    return message


def t(message: str, **values: object) -> str:
    """`message` in the language in use, with `{name}` filled from `values`.

    Only the catalogue's text is read as a pattern: braces inside the values stay as they are.
    """
    text = _catalogue(_language).gettext(message)
    return text.format(**values) if values else text


def in_each_language(message: str, **values: object) -> str:
    """`message` in every language, a line each: for who has not chosen one yet."""
    texts = (_catalogue(language).gettext(message) for language in LANGUAGES)
    return "\n".join(text.format(**values) for text in texts)


def tn(singular: str, plural: str, n: int, **values: object) -> str:
    """`singular` or `plural` by `n` in the language in use, with `{n}` filled."""
    text = _catalogue(_language).ngettext(singular, plural, n)
    return text.format(n=f"{n:,}", **values)

"""Small invented businesses, one for each mapping pack, in the tables that such a business has.

They exist so that `retention init DIR --pack NAME --example` can be loaded, trained and ranked at
once, and so that a test proves that every pack runs. The columns are those that the pack's mapping
names; nothing here has the contract's names unless the trade uses them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from types import MappingProxyType

from sample_db.examples import ecommerce, education, finance, paid_content, telecom
from sample_db.examples.lives import Lives

__all__ = ["PACKS", "write_example"]

_WEEKS: Mapping[str, int] = MappingProxyType(
    {"ecommerce": 112, "education": 32, "finance": 78, "paid-content": 52, "telecom": 104}
)
"""Long enough for each pack's churn rule to train, validate, calibrate and test."""

_WRITERS: Mapping[str, Callable[[Lives, Path], None]] = MappingProxyType(
    {
        "ecommerce": ecommerce.write,
        "education": education.write,
        "finance": finance.write,
        "paid-content": paid_content.write,
        "telecom": telecom.write,
    }
)

PACKS = tuple(_WRITERS)


def write_example(
    pack: str, folder: Path, *, users: int = 1500, seed: int = 7, end: date = date(2026, 10, 31)
) -> None:
    """Write the source files of the example business of `pack` into `folder`.

    The same arguments give the same rows. `end` is the last day of data. Raises ValueError for an
    unknown pack.
    """
    if pack not in _WRITERS:
        raise ValueError(f"there is no example for {pack!r}; the packs are {', '.join(PACKS)}")
    folder.mkdir(parents=True, exist_ok=True)
    _WRITERS[pack](Lives.draw(users, _WEEKS[pack], end=end, seed=seed, name=pack), folder)

"""The mapping file: how a business's own tables become the contract's tables.

A column is an SQL expression over the columns of its source. Expressions are evaluated in a
scratch database that has already been cut off from the file system, see `engine.data.load`.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import Field, create_model, field_validator, model_validator

from engine.data.attributes import AttributeNote, AttributeNotes, packed
from engine.data.contract import KEYS, contract
from engine.errors import UsageError
from engine.settings import Section, nearest, read_toml, unknown_key
from engine.timeline import ChurnRule

Mode = Literal["replace", "append", "upsert"]
"""What a load does with the rows that are there already: drop them all, keep them all, or replace
those whose key comes again."""

LateRows = Literal["as_given", "when_loaded"]
"""When a row was known that happened before the previous data end and says nothing itself: at once,
or not before the previous data end."""


@dataclass(frozen=True, slots=True)
class TableMapping:
    """Where one table of the contract comes from."""

    table: str
    source: str  # a file name or glob, relative to the data folder, or `kind:name`
    source_table: str  # the table of a database, the sheet of a workbook; empty for other files
    encoding: str  # of a text file; empty: recognised
    where: str  # SQL condition on the source's rows; empty: all rows
    query: str  # SELECT over the relation `source`; empty: the source as it is
    columns: Mapping[str, str]  # canonical column -> SQL expression
    translate: Mapping[str, Mapping[str, str]]  # canonical column -> their word -> our word
    mode: Mode = "replace"
    late_rows: LateRows = "as_given"


@dataclass(frozen=True, slots=True)
class DataMapping:
    """A whole mapping file."""

    path: Path
    name: str
    pack: str
    currency: str
    timezone: str  # of the business: how times are shown
    source_timezone: str  # of times in the sources that carry no offset
    rule: ChurnRule
    tables: Mapping[str, TableMapping]  # in the contract's order
    attributes: Mapping[str, AttributeNote]  # what is said of single keys of users.attributes
    text: str
    rates: Mapping[str, float]  # currency -> what one unit is worth in the business's currency


class _Business(Section):
    name: str
    pack: str = ""
    currency: str = Field(default="CNY", pattern=r"^[A-Z]{3}$")
    timezone: str = "UTC"
    source_timezone: str = "UTC"

    @field_validator("timezone", "source_timezone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            near = nearest(zone, available_timezones())
            hint = f"; did you mean {near!r}?" if near else ""
            raise ValueError(f"no such time zone{hint}") from error
        return zone


class _Churn(Section):
    rule: Literal["inactive", "lapsed", "no_payment", "label"]
    lead_days: int = Field(default=0, ge=0, le=365)
    horizon_days: int = Field(ge=1, le=730)
    active_within_days: int = Field(default=30, ge=1, le=3650)
    grace_days: int = Field(default=0, ge=0, le=365)
    kinds: list[Annotated[str, Field(min_length=1)]] = Field(default_factory=list)
    statuses: list[Literal["succeeded", "failed"]] = Field(default=["succeeded"], min_length=1)
    refunds_undo: bool = True
    include_trials: bool = False
    include_paused: bool = False
    minimum_history_days: int = Field(default=0, ge=0, le=3650)
    minimum_payments: int = Field(default=0, ge=0, le=1000)

    @model_validator(mode="after")
    def _says_what_its_rule_reads(self) -> _Churn:
        for key, owner in (("kinds", "inactive"), ("statuses", "no_payment")):
            if key in self.model_fields_set and self.rule != owner:
                raise ValueError(f'{key} belongs to the rule "{owner}", not to "{self.rule}"')
        return self


class _Table(Section):
    source: str = Field(min_length=1)
    table: str = ""
    encoding: str = ""
    where: str = ""
    query: str = ""
    columns: dict[str, str] = Field(default_factory=dict)
    translate: dict[str, dict[str, str]] = Field(default_factory=dict)
    mode: Mode = "replace"
    late_rows: LateRows = "as_given"

    @model_validator(mode="after")
    def _late_needs_earlier(self) -> _Table:
        if self.late_rows == "when_loaded" and self.mode == "replace":
            raise ValueError('late_rows = "when_loaded" needs mode = "append" or "upsert"')
        return self

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, encoding: str) -> str:
        try:
            "a".encode(encoding or "utf-8")  # some codecs are of no text: hex, zip
            return codecs.lookup(encoding).name if encoding else ""
        except (LookupError, ValueError) as error:
            raise ValueError("no such encoding; for instance utf-8, gb18030, utf-16") from error


class _Users(_Table):
    attributes: list[str] = Field(default_factory=list)


_ONE_FIELD_A_TABLE: dict[str, Any] = dict.fromkeys(KEYS, (_Table | None, None)) | {
    "users": (_Users | None, None)
}
_Tables: Any = create_model("_Tables", __base__=Section, **_ONE_FIELD_A_TABLE)


Rate = Annotated[float, Field(gt=0, lt=1e9)]


class _File(Section):
    business: _Business
    currencies: dict[Annotated[str, Field(pattern=r"^[A-Z]{3}$")], Rate] = Field(
        default_factory=dict
    )
    churn: _Churn
    tables: _Tables
    attributes: AttributeNotes = Field(default_factory=dict)


def read_mapping(path: Path) -> DataMapping:
    """The mapping in the TOML file `path`.

    Raises `UsageError` with file, line and nearest key where the file is missing, is no TOML, or
    names a table, column or key that does not exist.
    """
    if not path.exists():
        raise UsageError(
            "missing_mapping",
            f"{path} does not exist",
            next_step="Write one with `retention init DIR --pack NAME`, or give its path",
        )
    content = read_toml(path, _File)
    text = path.read_text("utf-8")
    given_tables = {
        name: given for name in KEYS if (given := getattr(content.tables, name)) is not None
    }
    for name, given in given_tables.items():
        columns = contract()[name].names()
        for part, keys in (("columns", given.columns), ("translate", given.translate)):
            for key in keys:
                if key not in columns:
                    raise unknown_key(path, text, ["tables", name, part, key], columns)
    churn = content.churn
    return DataMapping(
        path=path,
        name=content.business.name,
        pack=content.business.pack,
        currency=content.business.currency,
        timezone=content.business.timezone,
        source_timezone=content.business.source_timezone,
        rule=ChurnRule(
            kind=churn.rule,
            horizon_days=churn.horizon_days,
            lead_days=churn.lead_days,
            active_within_days=churn.active_within_days,
            grace_days=churn.grace_days,
            kinds=tuple(churn.kinds),
            statuses=tuple(churn.statuses),
            refunds_undo=churn.refunds_undo,
            include_trials=churn.include_trials,
            include_paused=churn.include_paused,
            minimum_history_days=churn.minimum_history_days,
            minimum_payments=churn.minimum_payments,
        ),
        tables={name: _table(name, given) for name, given in given_tables.items()},
        attributes=content.attributes,
        text=text,
        rates=content.currencies,
    )


def _columns(given: _Table) -> Mapping[str, str]:
    if isinstance(given, _Users) and given.attributes:
        return {**given.columns, "attributes": packed(given.attributes)}
    return given.columns


def _table(name: str, given: _Table) -> TableMapping:
    return TableMapping(
        table=name,
        source=given.source,
        source_table=given.table,
        encoding=given.encoding,
        where=given.where,
        query=given.query,
        columns=_columns(given),
        translate=given.translate,
        mode=given.mode,
        late_rows=given.late_rows,
    )

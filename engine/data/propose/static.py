"""One row per customer with a label and no time: how it is recognised and mapped."""

from __future__ import annotations

import json
from collections.abc import Sequence

from engine.data.propose.describe import Column, Table
from engine.data.propose.guess import SURE, alike, user_column
from engine.data.propose.vocabulary import COLUMNS, SENSITIVE, USER
from engine.data.sources import quote

LABEL_AT_LEAST = 0.5
FEWEST_ATTRIBUTES = 3
YES = ("1", "yes", "true", "y", "t", "是")
PERSONAL = ("name", "email", "phone")
GENDER = ("gender", "sex", "性别")


def static_table(tables: Sequence[Table]) -> Table | None:
    """The table that has a label, no time and one row a customer; None where there is none."""
    for table in tables:
        label = _label(table)
        timeless = all(column.look != "time" for column in table.columns)
        if label is not None and timeless and len(table.columns) > FEWEST_ATTRIBUTES:
            user = user_column(table)
            if user is None or user.unique or alike(user.name, USER) < SURE:
                return table
    return None


def static_lines(table: Table) -> list[str]:
    """[churn] and the tables, all out of the one source."""
    label, user = _label(table), user_column(table)
    if user is not None and not user.unique:
        user = None
    assert label is not None  # `static_table` chose it for having one
    source = f"source = {_text(table.source)}" + (
        f"\ntable = {_text(table.table)}" if table.table else ""
    )
    user_id = quote(user.name) if user is not None else None
    given = [c for c in table.columns if c is not label and c is not user]
    sensitive = [c for c in given if _sensitive(c)]
    personal = {
        ours: next((c for c in given if alike(c.name, COLUMNS["users"][ours]) > 0.9), None)
        for ours in PERSONAL
    }
    named = [c for c in personal.values() if c is not None]
    attributes = [c for c in given if c not in sensitive and c not in named]
    query = "" if user_id else _numbered()
    id_line = f"user_id = {_text(user_id or 'user_id')}"
    lines = [
        "# 每个客户一行、没有时间轴：标签由数据给出，风险由交叉验证得出。",
        "# One row per customer, no time axis: the label is given, risk is cross-validated.",
        "[churn]",
        'rule = "label"',
        "horizon_days = 30   # 标签所说的期限 the period that the label speaks of",
        "",
        "[tables.users]",
        source,
        *([query] if query else []),
        "# 用作特征的列 the columns that are features; 敏感列不在其中 none of them sensitive",
        f"attributes = [{', '.join(_text(c.name) for c in attributes)}]",
        "[tables.users.columns]",
        id_line,
        *(f"{ours} = {_text(quote(c.name))}" for ours, c in personal.items() if c is not None),
        "",
        "[tables.outcomes]",
        source,
        *([query] if query else []),
        "[tables.outcomes.columns]",
        id_line,
        f"label = {_text(_label_sql(label))}",
    ]
    source_lines = [source, *([query] if query else [])]
    return lines + sensitive_lines(table, source_lines, user, user_id or "user_id")


def sensitive_lines(
    table: Table, source_lines: Sequence[str], user: Column | None, user_id: str = ""
) -> list[str]:
    """[tables.user_sensitive], where the table of users has columns that no feature may read."""
    found = [column for column in table.columns if _sensitive(column) and column is not user]
    if not found:
        return []
    shown = _printable(", ".join(column.name for column in found))
    lines = ["", f"# 敏感列，只用于公平性报告 for the fairness report only: {shown}"]
    gender = next((c for c in found if c.name.lower() in GENDER), None)
    if gender is None or not (user or user_id):
        return lines
    name = user_id or (quote(user.name) if user is not None else "")
    return [
        *lines,
        "[tables.user_sensitive]",
        *source_lines,
        "[tables.user_sensitive.columns]",
        f"user_id = {_text(name)}",
        f"gender = {_text(quote(gender.name))}",
    ]


def _label(table: Table) -> Column | None:
    rated = [
        (alike(column.name, COLUMNS["outcomes"]["label"]), column)
        for column in table.columns
        if column.look == "truth" and column.distinct == 2
    ]
    found = [(score, column) for score, column in rated if score >= LABEL_AT_LEAST]
    return max(found, key=lambda pair: pair[0])[1] if found else None


def _label_sql(label: Column) -> str:
    yes = next((word for word in label.examples if word.lower() in YES), "1")
    literal = yes.replace("'", "''")
    return f"CASE WHEN CAST({quote(label.name)} AS VARCHAR) = '{literal}' THEN 1 ELSE 0 END"


def _sensitive(column: Column) -> bool:
    words = set(column.name.replace("_", " ").lower().split())
    return bool(words & SENSITIVE) or column.name.lower() in SENSITIVE


def _numbered() -> str:
    """No column names a customer: number the rows."""
    return (
        "query = \"SELECT 'row-' || row_number() OVER () AS user_id, * FROM source\""
        "  # 没有客户编号 there is no id"
    )


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _printable(value: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in value)

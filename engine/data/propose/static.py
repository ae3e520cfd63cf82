"""One row per customer with a label and no time: how it is recognised and mapped."""

from __future__ import annotations

from collections.abc import Sequence

from engine.data.propose.describe import Column, Table
from engine.data.propose.guess import SURE, alike, user_column
from engine.data.propose.toml import remark, source_lines, text
from engine.data.propose.vocabulary import COLUMNS, SENSITIVE, USER
from engine.data.sources import quote

LABEL_AT_LEAST = 0.5
FEWEST_ATTRIBUTES = 3
YES = ("1", "yes", "true", "y", "t", "是")
PERSONAL = ("name", "email", "phone")
GENDER = ("gender", "sex", "性别")
NUMBERED = (
    "query = \"SELECT 'row-' || row_number() OVER () AS user_id, * FROM source\""
    "  # 没有客户编号 there is no id"
)
"""Where no column names a customer, the row's number does."""


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
    user_id = quote(user.name) if user is not None else None
    given = [c for c in table.columns if c is not label and c is not user]
    sensitive = [c for c in given if _sensitive(c)]
    personal = {
        ours: next((c for c in given if alike(c.name, COLUMNS["users"][ours]) > 0.9), None)
        for ours in PERSONAL
    }
    named = [c for c in personal.values() if c is not None]
    attributes = [c for c in given if c not in sensitive and c not in named]
    source = source_lines(table) if user_id else [*source_lines(table), NUMBERED]
    id_line = f"user_id = {text(user_id or 'user_id')}"
    lines = [
        "# 每个客户一行、没有时间轴：标签由数据给出，风险由交叉验证得出。",
        "# One row per customer, no time axis: the label is given, risk is cross-validated.",
        "[churn]",
        'rule = "label"',
        "horizon_days = 30   # 标签所说的期限 the period that the label speaks of",
        "",
        "[tables.users]",
        *source,
        "# 用作特征的列 the columns that are features; 敏感列不在其中 none of them sensitive",
        f"attributes = [{', '.join(text(c.name) for c in attributes)}]",
        "[tables.users.columns]",
        id_line,
        *(f"{ours} = {text(quote(c.name))}" for ours, c in personal.items() if c is not None),
        "",
        "[tables.outcomes]",
        *source,
        "[tables.outcomes.columns]",
        id_line,
        f"label = {text(_label_sql(label))}",
    ]
    return lines + sensitive_lines(table, source, user, user_id or "user_id")


def sensitive_lines(
    table: Table, source: Sequence[str], user: Column | None, user_id: str = ""
) -> list[str]:
    """[tables.user_sensitive], where the table of users has columns that no feature may read."""
    found = [column for column in table.columns if _sensitive(column) and column is not user]
    if not found:
        return []
    shown = remark(", ".join(column.name for column in found))
    lines = ["", f"# 敏感列，只用于公平性报告 for the fairness report only: {shown}"]
    gender = next((c for c in found if c.name.lower() in GENDER), None)
    if gender is None or not (user or user_id):
        return lines
    name = user_id or (quote(user.name) if user is not None else "")
    return [
        *lines,
        "[tables.user_sensitive]",
        *source,
        "[tables.user_sensitive.columns]",
        f"user_id = {text(name)}",
        f"gender = {text(quote(gender.name))}",
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

"""What each export holds, and where it goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import UsageError
from engine.export import write_table
from engine.outreach import log
from engine.types import ExportFormat, ExportKind, ExportReport, RankQuery

if TYPE_CHECKING:
    from engine.workspace import Workspace

Table = tuple[Sequence[str], Sequence[Sequence[Any]]]


def export(
    workspace: Workspace,
    kind: ExportKind,
    file_format: ExportFormat,
    out: Path | None,
    *,
    query: RankQuery | None,
) -> ExportReport:
    """Write the export `kind`; ranking and reasons follow `query` (None: the whole list)."""
    tables: Mapping[str, Callable[[], Table]] = {
        "ranking": lambda: workspace.risk.ranking_table(query or RankQuery()),
        "reasons": lambda: workspace.risk.reasons_table(query or RankQuery()),
        "interventions": lambda: log.log_rows(workspace.places.ledger),
        "effects": lambda: _effects(workspace),
        "audit": lambda: log.audit_rows(workspace.places.ledger),
    }
    if kind not in tables:
        raise UsageError(
            "export_kind",
            f"{kind!r} cannot be exported",
            why=f"Exports are {', '.join(tables)}",
        )
    columns, rows = tables[kind]()
    path = (
        out or workspace.places.exports / f"{kind}-{workspace.clock():%Y%m%d-%H%M%S}.{file_format}"
    )
    written = write_table(columns, rows, path, file_format)
    return ExportReport(kind=kind, format=file_format, rows=written, path=path)


def _effects(workspace: Workspace) -> Table:
    columns = (
        "campaign_id", "campaign", "treated", "treated_retained", "held_out",
        "held_out_retained", "lift", "lift_low", "lift_high", "sample_ratio_p", "detectable",
        "verdict",
    )  # fmt: skip
    rows = [
        (
            effect.campaign_id,
            effect.campaign,
            effect.treated,
            effect.treated_retained,
            effect.held_out,
            effect.held_out_retained,
            effect.lift.estimate if effect.lift else None,
            effect.lift.low if effect.lift else None,
            effect.lift.high if effect.lift else None,
            effect.sample_ratio_p,
            effect.detectable,
            effect.verdict,
        )
        for effect in workspace.interventions.effects()
    ]
    return columns, rows

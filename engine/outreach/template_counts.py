"""What each template was followed by: users as assigned, by campaign, for pooled effects."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from engine.effects.pooled import Arms
from engine.store.lease import lease


def template_arms(ledger: Path) -> Mapping[str, Mapping[str, Arms]]:
    """Template id -> campaign id -> its arms, where an outcome of that template is known."""
    with lease(ledger) as connection:
        rows = connection.execute(
            """
            SELECT i.template_id, i.campaign_id,
                   count(*) FILTER (WHERE i.arm = 'treat'),
                   count(*) FILTER (WHERE i.arm = 'treat' AND o.outcome = 'retained'),
                   count(*) FILTER (WHERE i.arm = 'holdout'),
                   count(*) FILTER (WHERE i.arm = 'holdout' AND o.outcome = 'retained')
            FROM intervention AS i
            JOIN outcome AS o USING (intervention_id)
            WHERE i.arm IN ('treat', 'holdout') AND o.outcome IN ('retained', 'churned')
                AND i.message_class = 'marketing'
            GROUP BY i.template_id, i.campaign_id
            ORDER BY i.template_id, i.campaign_id
            """
        ).fetchall()
    found: dict[str, dict[str, Arms]] = {}
    for template_id, campaign_id, *counts in rows:
        found.setdefault(template_id, {})[campaign_id] = Arms(*counts)
    return found

"""Who must not be written to: facts that a reader, a relay or an operator gave us."""

from __future__ import annotations

import uuid
from datetime import datetime
from pathlib import Path
from typing import Literal

from engine.outreach import audit
from engine.outreach.rows import insert_rows
from engine.store.lease import lease

Scope = Literal["all", "marketing"]
SuppressionReason = Literal[
    "erased", "do_not_contact", "complaint", "hard_bounce", "unsubscribed", "lifted"
]


def suppress(
    ledger: Path,
    user_id: str,
    *,
    scope: Scope,
    reason: SuppressionReason,
    operator: str,
    now: datetime,
    comment: str = "",
    source: str = "operator",
) -> None:
    """Stop messages to a user from now on; `lifted` ends what stood in the same scope.

    The id is made of the fact itself, so that a retry or a second import adds nothing.
    """
    fact = "|".join([user_id, scope, reason, source, comment, now.isoformat()])
    suppression_id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"retention:suppression:{fact}"))
    with lease(ledger, write=True) as connection:
        insert_rows(
            connection,
            "suppression",
            [
                {
                    "suppression_id": suppression_id,
                    "user_id": user_id,
                    "scope": scope,
                    "reason": reason,
                    "comment": comment,
                    "source": source,
                    "operator": operator,
                    "happened_at": now,
                }
            ],
        )
        audit.append(
            connection,
            operator=operator,
            action="suppress",
            subject=suppression_id,
            detail={"scope": scope, "reason": reason, "source": source},
            now=now,
        )

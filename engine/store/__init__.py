"""The two databases of a workspace: behaviour (rebuildable) and ledger (precious)."""

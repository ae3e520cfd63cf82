"""What would lower a user's risk: edits of events, recomputed by the same SQL and scored anew."""

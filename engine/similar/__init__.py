"""Similar users of the past: who stayed, who left, and what was done."""

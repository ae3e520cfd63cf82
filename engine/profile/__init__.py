"""Everything the user screen shows about one user."""

"""Features of tables without a time axis: columns that a mapping keeps in users.attributes."""

"""The feature specs, one file a family of causes."""

"""What we are measured against: built from the raw data, without our loader or our features."""

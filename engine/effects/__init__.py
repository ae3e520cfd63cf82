"""What acting changes: holdouts, read-outs, honest labels."""

"""How well the risk ranks and is calibrated, beside peers and beside the truth."""

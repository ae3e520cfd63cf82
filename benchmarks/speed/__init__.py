"""How long the retrain of one key and the scoring of a million users take."""

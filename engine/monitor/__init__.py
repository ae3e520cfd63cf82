"""The model in service, watched: drift, estimates before labels, fairness, stress."""

"""A million users and a hundred million events: time and memory of the features."""

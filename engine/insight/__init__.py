"""The whole model: what it rests on, how risk moves along a column, and where it is weak."""

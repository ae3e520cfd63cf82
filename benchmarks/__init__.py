"""Benchmarks as commands: our figure, the peers' in the same run, and the aim."""

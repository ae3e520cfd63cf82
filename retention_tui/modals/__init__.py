"""Dialogues: each returns one typed result."""

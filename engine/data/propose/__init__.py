"""Guess a mapping from the names and types of columns, and show it for editing."""

from engine.data.propose.draft import Proposal, propose

__all__ = ["Proposal", "propose"]

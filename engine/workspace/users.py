"""Single users as a service."""

from __future__ import annotations

from engine.profile.detail import Users

__all__ = ["Users"]

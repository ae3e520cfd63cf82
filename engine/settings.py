"""`retention.toml`, the settings of a workspace: validated; an unknown key names the nearest one.

What belongs to the business (tables, churn rule, currency, time zone) is in the mapping; what
belongs to operations is here.
"""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.errors import UsageError

FILE_NAME = "retention.toml"

Share = Annotated[float, Field(ge=0, le=1)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WorkspaceSettings(_Section):
    """[workspace]"""

    name: str = "Retention"
    language: Literal["zh", "en"] = "zh"
    mapping: str = "mapping.toml"
    operator: str = ""
    """Who acts; empty: the name of the operating system's user."""


class TrainingSettings(_Section):
    """[training]"""

    cutoffs: int = Field(default=8, ge=1, le=60)
    """How many training cutoffs, before those that validate, calibrate and test."""
    cutoff_every_days: int = Field(default=14, ge=1, le=180)
    test_cutoffs: int = Field(default=2, ge=1, le=12)
    max_epochs: int = Field(default=12, ge=1, le=500)
    seed: int = Field(default=7, ge=0)
    budget_s: float = Field(default=600, gt=0)
    threads: int = Field(default=0, ge=0)
    """Of torch and DuckDB; 0: one less than the machine has, at least one."""


class RiskSettings(_Section):
    """[risk]"""

    medium: Share = 0.2
    high: Share = 0.4
    critical: Share = 0.7
    capacity: Share = 0.1
    """The share of the eligible users that operations can contact: the cut of the metrics."""
    value_horizon_days: int = Field(default=365, ge=1)
    margin: Share = 0.6
    """The part of revenue that is margin."""


class OutreachSettings(_Section):
    """[outreach]"""

    holdout: Share = 0.1
    salt: str = "epoch-1"
    """Changing it draws a new holdout; log why."""
    sender_name: str = "会员服务 Member Care"
    sender_address: str = "care@example.com"
    postal_address: str = ""
    region: Literal["CN", "EU", "US", "other"] = "CN"
    unsubscribe_url: str = ""
    unsubscribe_mailto: str = "unsubscribe@example.com"
    site_url: str = "https://example.com"
    cooldown_days: int = Field(default=14, ge=0)
    """No second marketing message within so many days."""
    offer_cooldown_days: int = Field(default=90, ge=0)
    outcome_days: int = Field(default=30, ge=1)
    not_after_days: int = Field(default=7, ge=1)
    max_percent: float = Field(default=30, ge=0, le=100)
    contact_cost: float = Field(default=0.02, ge=0)


class Settings(_Section):
    """The whole file; every key has a default, so an empty file is valid."""

    workspace: WorkspaceSettings = WorkspaceSettings()
    training: TrainingSettings = TrainingSettings()
    risk: RiskSettings = RiskSettings()
    outreach: OutreachSettings = OutreachSettings()


def load_settings(folder: Path) -> Settings:
    """The settings of the workspace `folder`; defaults where the file or a key is absent.

    Raises `UsageError` with file, line and nearest key for an unknown key or an impossible value.
    """
    path = folder / FILE_NAME
    if not path.exists():
        return Settings()
    text = path.read_text("utf-8")
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(
            "settings_syntax",
            f"{path} is not valid TOML: {error}",
            next_step="Mend that line and run the command again",
        ) from error
    try:
        return Settings.model_validate(content)
    except ValidationError as error:
        raise _first_problem(path, text, error) from error


def _first_problem(path: Path, text: str, error: ValidationError) -> UsageError:
    problem = error.errors()[0]
    location = [str(part) for part in problem["loc"]]
    line = line_of(text, location)
    where = f"{path}, line {line}: {'.'.join(location)}"
    if problem["type"] == "extra_forbidden":
        known = _known_keys(location[:-1])
        near = difflib.get_close_matches(location[-1], known, n=1, cutoff=0)
        hint = f"Did you mean {near[0]!r}?" if near else ""
        return UsageError("unknown_key", f"{where} is not a setting", next_step=hint)
    return UsageError(
        "bad_value",
        f"{where} = {problem['input']!r}",
        why=problem["msg"],
        next_step="Mend that line and run the command again",
    )


def _known_keys(section: list[str]) -> list[str]:
    if not section:
        return list(Settings.model_fields)
    return list(getattr(Settings(), section[0]).__class__.model_fields)


def line_of(text: str, location: list[str]) -> int:
    """The line (from 1) on which the TOML key `location` is written; 1 when it is not found."""
    section = ""
    wanted_section, wanted_key = ".".join(location[:-1]), location[-1]
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if stripped.startswith("["):
            section = stripped.strip("[] ")
            if section == ".".join(location):
                return number
        elif (
            section == wanted_section and stripped.split("=")[0].strip().strip("\"'") == wanted_key
        ):
            return number
    return 1

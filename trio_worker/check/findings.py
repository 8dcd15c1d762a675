"""The findings of the check: each has a level, a sentence, and the setting that it is about."""

import enum
from dataclasses import dataclass

from trio_worker.options.setting import Setting


class Level(enum.Enum):
    """The weight of a finding."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a configuration that its author should know."""

    level: Level
    message: str
    setting: Setting | None = None
    """Where it stands, None where something is missing."""


def error(message: str, setting: Setting | None = None) -> Finding:
    """A finding that keeps the instance from starting or from serving, or an option that fails in silence."""
    return Finding(Level.ERROR, message, setting)


def warning(message: str, setting: Setting | None = None) -> Finding:
    """A finding about something that does less than the configuration says."""
    return Finding(Level.WARNING, message, setting)


def note(message: str, setting: Setting | None = None) -> Finding:
    """A finding that is no fault, and does not count as one with `--strict`."""
    return Finding(Level.NOTE, message, setting)

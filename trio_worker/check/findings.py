"""The findings of the check: each has a level, a sentence, and the setting that it is about."""

import enum
from dataclasses import dataclass

from trio_worker.options.ini import Setting


class Level(enum.Enum):
    """The weight of a finding."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about an ini that its author should know."""

    level: Level
    message: str
    setting: Setting | None = None
    """Where it stands, None where something is missing."""


def error(message: str, setting: Setting | None = None) -> Finding:
    """A finding that keeps the instance from starting or from serving."""
    return Finding(Level.ERROR, message, setting)


def warning(message: str, setting: Setting | None = None) -> Finding:
    """A finding about something that does not do what the ini says."""
    return Finding(Level.WARNING, message, setting)

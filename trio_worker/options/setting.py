"""One setting of a configuration, with the place where it stands."""

import enum
import re
from dataclasses import dataclass

SETTING_KEYS = frozenset({"set", "set-placeholder", "set-ph"})

# A placeholder that uWSGI does not know stays as it stands; these two depend on where it runs.
_UNRESOLVED = re.compile(r"[$@]\(")


class Unread(enum.Enum):
    """The reasons for which the file that a setting includes was not read."""

    MISSING = "uWSGI cannot read this file and does not start"
    CIRCLE = "this file includes itself"
    UNRESOLVED = "the name of the file depends on the machine: its settings are not checked"


@dataclass(frozen=True, slots=True)
class Setting:
    """One line of a configuration file."""

    key: str
    value: str
    file: str
    line: int
    conditional: bool = False
    """True inside of an `if-` block."""
    raw: str = ""
    """The value before its placeholders were replaced."""
    unread: Unread | None = None
    entered: bool = True
    """False in an `if-` block that uWSGI does not enter on this machine, with these files and this environment."""
    refused: str = ""
    """The reason for which uWSGI ends at this line, empty where it does not."""

    @property
    def resolved(self) -> bool:
        """False where the value depends on the machine that uWSGI runs on."""
        return not _UNRESOLVED.search(self.value)

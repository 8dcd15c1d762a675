"""The log of a uWSGI: what its master and its workers say, and how a test looks for it."""

import re
from pathlib import Path

from support.waiting import eventually

# What it says when a worker accepts, when a chain reload is over, when a worker failed, and when its own last
# deadline had to end it.
ACCEPTING = r"(?:\[worker \d+\] INFO trio_worker\.worker: |\"message\":\")accepting on"
CHAIN_END = "chain reloading complete"
FAILED = "^(DAMN|OOPS) !"
OUTSTAYED = "still running at the end of the time that a worker has"

# When the master begins to run itself anew, and when it has done so.
RELOADS, RELOADED = r"^\.\.\.(gracefully|brutally) killing workers\.\.\.", r"\(RE\)spawned uWSGI master process"


class HasLog:
    """Somebody who writes a log.

    Args:
        path: the log's file; it may already hold what a predecessor has logged.

    Attributes:
        log_path: see above.
    """

    def __init__(self, path: Path) -> None:
        self.log_path = path

    @property
    def log(self) -> str:
        """All that was logged."""
        return self.log_path.read_text("utf-8", "replace")

    def count(self, pattern: str) -> int:
        """How often the log has matched `pattern`, a regular expression of lines."""
        return len(re.findall(pattern, self.log, re.MULTILINE))

    def wait_log(self, pattern: str, count: int = 1, timeout: float = 10.0) -> str:
        """Wait until the log has matched `pattern` `count` times, for at most `timeout` seconds.

        Returns:
            The last match.
        """

        def look() -> list[re.Match[str]]:
            found = list(re.finditer(pattern, self.log, re.MULTILINE))
            return found if len(found) >= count else []

        return eventually(look, timeout, lambda: f"{count} times {pattern!r} in the log\n{self.log}")[-1][0]

"""What the clients have seen."""

import time
from dataclasses import dataclass, field

# Seconds that an answer may take: in the gap of a SIGHUP nobody answers.
PATIENCE = 60.0

# Seconds between two requests of a client.
PAUSE = 0.1


@dataclass
class Tally:
    """What the clients have seen.

    Attributes:
        latencies: of all answers since they were taken last, in seconds.
        requests: answered ones.
        failures: each with the client and the time since the start.
        tasks: of the workers, as each said last.
    """

    latencies: list[float] = field(default_factory=list)
    requests: int = 0
    failures: list[str] = field(default_factory=list)
    tasks: dict[int, int] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    def answered(self, seconds: float) -> None:
        """Note an answer that took so many seconds."""
        self.requests += 1
        self.latencies.append(seconds)

    def gave_up(self) -> None:
        """Note a request whose client has not waited for its answer."""
        self.requests += 1

    def failed(self, name: str, error: object) -> None:
        """Note a failure."""
        self.failures.append(f"{time.monotonic() - self.began:.0f} s: {name}: {error}")

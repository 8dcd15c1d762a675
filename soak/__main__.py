"""`python -m soak [--minutes 60] [--plot FILE]`: serve, ask, reload every minute, look every ten seconds.

Status 1 when something failed, or when a figure of the processes grows after the first sixth of the time.
"""

import argparse
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import trio

from .clients import Clients
from .plot import draw
from .samples import Sample, grown, look
from .server import Server, serving
from .tally import Tally

LOOK_EVERY = 10.0
RELOAD_EVERY = 60.0


@dataclass
class Soak:
    """One run.

    Args:
        server: that is soaked.
        minutes: how long.
    """

    server: Server
    minutes: float
    tally: Tally = field(default_factory=Tally)
    samples: list[Sample] = field(default_factory=list)
    reloads: list[float] = field(default_factory=list)

    async def run(self) -> None:
        """Soak for so long."""
        with trio.move_on_after(60 * self.minutes):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(Clients(self.server, self.tally).run)
                nursery.start_soon(self._reload)
                nursery.start_soon(self._look)

    async def _reload(self) -> None:
        began = trio.current_time()
        while True:
            await trio.sleep(RELOAD_EVERY)
            self.reloads.append((trio.current_time() - began) / 60)
            self.server.reload(len(self.reloads))

    async def _look(self) -> None:
        began = trio.current_time()
        while True:
            await trio.sleep(LOOK_EVERY)
            sample = look(self.server, self.tally, (trio.current_time() - began) / 60)
            if sample is not None:
                self.samples.append(sample)
                _print(sample)

    def conclude(self) -> list[str]:
        """Return what is wrong, a line each."""
        return [*self.tally.failures, *grown(self.samples, self.minutes / 6)]


def _print(sample: Sample) -> None:
    figures = {name: f"{value:.1f}" if isinstance(value, float) else value for name, value in vars(sample).items()}
    print(" ".join(f"{name}={value}" for name, value in figures.items()), flush=True)


def main() -> int:
    """Run it as the command line says; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60, help="how long (%(default)g)")
    parser.add_argument("--plot", type=Path, default=Path("soak.svg"), help="where the picture goes (%(default)s)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="trio-worker-soak-") as folder, serving(Path(folder)) as server:
        soak = Soak(server, arguments.minutes)
        trio.run(soak.run)
    title = f"{arguments.minutes:g} minutes, {len(soak.reloads)} reloads, {soak.tally.requests:,} requests, "
    draw(soak.samples, soak.reloads, arguments.plot, title + f"{len(soak.tally.failures)} failed")
    wrong = soak.conclude()
    print("\n".join([f"{title}{len(soak.tally.failures)} failed; the picture is {arguments.plot}", *wrong]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

"""What the processes take, looked at again and again, and whether it grows."""

import contextlib
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from .server import Server
from .tally import Tally

MIB = 1 << 20

# Seconds that each worker must have lived: while one starts, and shares its memory with its parent, a look says little.
SETTLED = 5.0

# What may be lost to noise between the first sample that counts and the last: a share, and an amount of each.
SHARE = 0.05
AMOUNTS = {
    "master_memory": 1.0,
    "worker_memory": 1.0,
    "master_descriptors": 1.0,
    "worker_descriptors": 2.0,
    "worker_threads": 1.0,
    "worker_tasks": 2.0,
}


@dataclass(frozen=True)
class Sample:
    """One look.

    Attributes:
        minutes: since the start.
        master_memory, worker_memory: the proportional set size (PSS) in MiB; a worker's is that of a worker on average.
        master_descriptors, worker_descriptors, worker_threads, worker_tasks: how many, a worker on average.
        median, p99: of the answers since the last look, in milliseconds.
        requests, failures: since the start.
    """

    minutes: float
    master_memory: float
    worker_memory: float
    master_descriptors: float
    worker_descriptors: float
    worker_threads: float
    worker_tasks: float
    median: float
    p99: float
    requests: int
    failures: int


def look(server: Server, tally: Tally, minutes: float) -> Sample | None:
    """Take a sample; None amid a reload, where a process ended meanwhile, or nothing was answered."""
    latencies, tally.latencies = sorted(tally.latencies), []
    with contextlib.suppress(psutil.Error):
        workers = server.workers()
        if workers and latencies and all(map(_is_settled, workers)):
            tasks = [tally.tasks[each.pid] for each in workers if each.pid in tally.tasks]
            return Sample(
                minutes,
                server.master.memory_full_info().pss / MIB,
                statistics.mean(each.memory_full_info().pss for each in workers) / MIB,
                server.master.num_fds(),
                statistics.mean(each.num_fds() for each in workers),
                statistics.mean(each.num_threads() for each in workers),
                statistics.mean(tasks or [0]),
                1000 * latencies[len(latencies) // 2],
                1000 * latencies[len(latencies) * 99 // 100],
                tally.requests,
                len(tally.failures),
            )
    return None


def _is_settled(worker: psutil.Process) -> bool:
    return worker.status() != psutil.STATUS_ZOMBIE and time.time() - worker.create_time() > SETTLED


def growth(samples: Sequence[Sample], name: str, settled: float) -> float:
    """Return by how much a figure grows from the minute `settled` to the end, on the line through its samples."""
    later = [each for each in samples if each.minutes >= settled]
    minutes = [each.minutes for each in later]
    line = statistics.linear_regression(minutes, [getattr(each, name) for each in later])
    return float(line.slope * (minutes[-1] - minutes[0]))


def grown(samples: Sequence[Sample], settled: float) -> list[str]:
    """Return a line for each figure that grows by more than noise."""
    lines = []
    for name, amount in AMOUNTS.items():
        mean, more = statistics.mean(getattr(each, name) for each in samples), growth(samples, name, settled)
        if more > max(amount, SHARE * mean):
            lines.append(
                f"{name.replace('_', ' ')}: {more:+.2f} from minute {settled:.0f} on, where {mean:.2f} is the mean"
            )
    return lines

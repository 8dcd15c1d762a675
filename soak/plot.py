"""The samples as a picture."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "soak"  # The same figures make the same file.

from matplotlib import pyplot  # noqa: E402

from .samples import Sample  # noqa: E402

PANELS = {
    "memory (PSS), MiB": {"master_memory": "master", "worker_memory": "a worker"},
    "descriptors": {"master_descriptors": "master", "worker_descriptors": "a worker"},
    "threads and tasks of a worker": {"worker_threads": "threads", "worker_tasks": "Trio's tasks"},
    "latency, ms": {"median": "median", "p99": "p99"},
}


def draw(samples: Sequence[Sample], reloads: Sequence[float], path: Path, title: str) -> None:
    """Write the picture; a thin line is a reload.

    Args:
        samples: in order.
        reloads: the minutes in which they began.
        path: of the SVG file.
        title: above the picture.
    """
    figure, panels = pyplot.subplots(len(PANELS), sharex=True, figsize=(9, 9), layout="constrained")
    minutes = [each.minutes for each in samples]
    for panel, (label, lines) in zip(panels, PANELS.items(), strict=True):
        for minute in reloads:
            panel.axvline(minute, color="0.9", linewidth=0.6)
        for name, legend in lines.items():
            panel.plot(minutes, [getattr(each, name) for each in samples], label=legend, linewidth=1)
        panel.set_ylabel(label)
        panel.legend(loc="upper right")
        if panel is not panels[-1]:
            panel.set_ylim(bottom=0)
    panels[-1].set_yscale("log")
    panels[-1].set_xlabel("minutes")
    figure.suptitle(title)
    figure.savefig(path, metadata={"Date": None})

"""A flame graph of one thread, from the stacks that py-spy has counted.

py-spy takes a thread that waits in a system call for one that works, now and then, and its own graph shows all
threads: the one in which uWSGI's signals are awaited filled half of it. So only the thread that runs Trio is drawn.
"""

import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

WIDTH, ROW = 1200, 17

# The smallest box, in pixels.
NARROWEST = 0.5

_THREAD = re.compile(r"thread \((\d+)\)")

_PAGE = """<!DOCTYPE html>
<meta charset="utf-8"><title>{title}</title>
<style>
text {{ font: 12px sans-serif; pointer-events: none }}
rect {{ stroke: white; cursor: pointer }}
</style>
<p>{title}: {samples} samples of the thread that runs Trio. A click makes a box as wide as the page, one on the lowest
box shows all again.</p>
<svg width="{width}" height="{height}" viewBox="0 0 {width} {height}" preserveAspectRatio="none">
{boxes}</svg>
<script>
const svg = document.querySelector("svg");
svg.addEventListener("click", event => {{
  const box = event.target.closest("svg > svg");
  if (box) svg.setAttribute("viewBox", `${{box.getAttribute("x")}} 0 ${{box.getAttribute("width")}} {height}`);
}});
</script>
"""


@dataclass
class Box:
    """A function below the functions that have called it.

    Attributes:
        samples: how often it was seen there.
        callees: what it calls, by name.
    """

    samples: int = 0
    callees: dict[str, "Box"] = field(default_factory=dict)

    def add(self, stack: Iterable[str], samples: int) -> None:
        """Count a stack, the outermost function first."""
        box = self
        box.samples += samples
        for name in stack:
            box = box.callees.setdefault(name, Box())
            box.samples += samples

    @property
    def depth(self) -> int:
        return 1 + max((each.depth for each in self.callees.values()), default=0)


def of_thread(lines: Iterable[str], thread: int) -> Box:
    """Return the stacks of a thread from py-spy's raw format: `thread (123): name;outer;inner 45`."""
    root = Box()
    for line in lines:
        stack, _, samples = line.rpartition(" ")
        first, *rest = stack.split(";")
        found = _THREAD.match(first)
        if found and int(found[1]) == thread:
            root.add(rest, int(samples))
    return root


def page(root: Box, title: str) -> str:
    """Return the graph as a page of HTML."""
    height = root.depth * ROW
    boxes = "".join(_boxes(title, root, 0, height - ROW, WIDTH / max(root.samples, 1)))
    return _PAGE.format(title=html.escape(title), samples=root.samples, width=WIDTH, height=height, boxes=boxes)


def _boxes(name: str, box: Box, left: float, top: float, scale: float) -> Iterator[str]:
    width = box.samples * scale
    if width < NARROWEST:
        return
    label = html.escape(name)
    hue = 20 + sum(name.encode()) % 40
    yield (
        f'<svg x="{left:.2f}" y="{top}" width="{width:.2f}" height="{ROW}"><title>{label}: {box.samples}</title>'
        f'<rect width="100%" height="{ROW}" fill="hsl({hue} 80% 65%)"/><text x="3" y="13">{label}</text></svg>\n'
    )
    for callee, below in sorted(box.callees.items()):
        yield from _boxes(callee, below, left, top - ROW, scale)
        left += below.samples * scale

"""A cache with bounds.

Clients choose much of what a worker sees, so whatever is remembered of it has an end in number and in size: a client
that sends something else each time costs the look-ups of others, and no more memory.
"""

from collections.abc import Mapping
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Memory(dict[K, V]):
    """A dictionary of answers by what was asked; when it is full it forgets them all.

    To forget the oldest alone would cost a look-up more at each hit, and hits are what it is for: `get` is that of
    dictionaries.

    Args:
        count: how many answers there may be.
        size: the largest thing that is remembered, in the unit in which `keep` is told its size.
        always: answers that are never forgotten; they count like the others.
    """

    __slots__ = ("always", "count", "size")

    def __init__(self, count: int, size: int, always: Mapping[K, V] | None = None) -> None:
        self.count = count
        self.size = size
        self.always = always or {}
        super().__init__(self.always)

    def keep(self, key: K, value: V, size: int) -> V:
        """Remember an answer, if it is not too large, and return it."""
        if size <= self.size:
            if len(self) >= self.count:
                self.clear()
                self.update(self.always)
            self[key] = value
        return value

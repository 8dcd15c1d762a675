"""What a run measures and for how long: the command line, as the sections see it."""

import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import psutil

from .running import Unavailable
from .servers import Server


class Named(Protocol):
    @property
    def name(self) -> str: ...


T = TypeVar("T")
N = TypeVar("N", bound=Named)


@dataclass
class Plan:
    """The chosen servers, rows and variants, the number of rounds and the seconds of each measurement."""

    servers: list[Server]
    rows: list[str]
    variants: list[str]
    rounds: int
    seconds: float
    reloads: int
    idle: int
    override: Path
    folder: Path
    say: Callable[[str], None]
    left_out: list[str] = field(default_factory=list)

    def in_turn(self, contestants: Sequence[N]) -> "Turns[N]":
        return Turns(self, contestants)


class Turns(Generic[N]):
    """Rounds in which every contestant has its turn: A B C A B C, so that a noisy minute touches them all.

    One that cannot be measured is named once and left out of the rounds that follow.
    """

    def __init__(self, plan: Plan, contestants: Sequence[N]) -> None:
        self._plan = plan
        self._contestants = contestants
        self._absent: set[str] = set()

    def __iter__(self) -> Iterator[tuple[int, N]]:
        for number in range(1, self._plan.rounds + 1):
            for contestant in self._contestants:
                if contestant.name not in self._absent:
                    yield number, contestant

    def attempt(self, contestant: N, measure: Callable[[], T]) -> T | None:
        """The measurement's result, or None when the contestant proved unavailable."""
        try:
            return measure()
        except (Unavailable, OSError, psutil.Error, subprocess.SubprocessError) as reason:
            self._absent.add(contestant.name)
            line = f"{contestant.name}: {reason}"
            if line not in self._plan.left_out:
                self._plan.left_out.append(line)
            self._plan.say(f"left out {line}")
            return None

"""The meaning of each option of uWSGI under this worker: the reader of table.toml.

uWSGI's own worker loop never runs under a worker override, so an option that lives in that
loop has no effect and says nothing. The table is the one place that says who gives each option its effect:
the warnings at start, the check command and the docs are all made from it.

    table.toml      one row for each answer: options, meaning, note
    unrelated.toml  names of the options that have nothing to do with workers

An option may have aliases (processes, workers), and a row may hold several options with the
same answer, as uWSGI has many.
"""

import enum
import functools
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, TypeVar

T = TypeVar("T")

_COLUMNS = ("option", "meaning", "what happens, or what to use instead")
_OWN_COLUMNS = ("option", "default", "what it sets")


class Meaning(enum.Enum):
    """The part of uWSGI or of this worker that gives an option its effect."""

    HONOURED = "honoured"
    WITH_PLUGIN = "honoured with the plugin"
    MASTERS_OWN = "master's own"
    NOT_HERE = "not under an override"


@dataclass(frozen=True, slots=True)
class Option:
    """One option of uWSGI, under all its names."""

    names: tuple[str, ...]
    meaning: Meaning
    note: str
    instead: str | None = None
    """The option to use where the meaning is NOT_HERE, None otherwise."""

    @property
    def hint(self) -> str:
        """The note, and where the option has no effect what to use instead."""
        return self.note if self.instead is None else f"{self.note}; instead: {self.instead}"


@dataclass(frozen=True, slots=True)
class Row:
    """Options with one and the same answer."""

    topic: str
    options: tuple[Option, ...]

    @property
    def answer(self) -> Option:
        """Any of the row's options: they differ in their names only."""
        return self.options[0]


@dataclass(frozen=True, slots=True)
class OptionTable:
    """All options of uWSGI, by every name that an ini may use."""

    rows: tuple[Row, ...]
    by_name: Mapping[str, Option]
    own: Mapping[str, str]
    """The trio- options of this worker, each with what it sets."""
    unrelated: Mapping[str, str]
    """Options that have nothing to do with workers, each with its topic."""

    def unsupported(self, keys: Iterable[str], *, plugin: bool) -> list[tuple[str, Option]]:
        """Return the keys of a configuration that have no effect in this worker, each with its option.

        Those that need the C plugin are among them unless it is loaded (`plugin`). Keys that the
        table does not know are no business of the worker.
        """
        dead = {Meaning.NOT_HERE} if plugin else {Meaning.NOT_HERE, Meaning.WITH_PLUGIN}
        known = ((key, self.by_name[key]) for key in dict.fromkeys(keys) if key in self.by_name)
        return [(key, option) for key, option in known if option.meaning in dead]

    def markdown(self) -> str:
        """Return the table in Markdown, a section for each topic."""
        sections = [_section(topic, _COLUMNS, map(_line, rows)) for topic, rows in self._topics().items()]
        return "\n\n".join(sections) + "\n"

    def own_markdown(self, defaults: Mapping[str, str]) -> str:
        """Return this worker's own options in Markdown, each with its default in words."""
        if unread := self.own.keys() - defaults.keys():
            raise ValueError(
                f"in [own] of table.toml, and not read by options/__init__.py: {', '.join(sorted(unread))}"
            )
        lines = (f"| `{name}` | {defaults[name]} | {note} |" for name, note in self.own.items())
        return _table(_OWN_COLUMNS, lines) + "\n"

    def _topics(self) -> dict[str, list[Row]]:
        topics: dict[str, list[Row]] = {}
        for row in self.rows:
            topics.setdefault(row.topic, []).append(row)
        return topics


@functools.cache
def load() -> OptionTable:
    """Read the table that comes with the package.

    Raises ValueError where an option stands in it twice or a meaning is none of Meaning.
    """
    sections = _toml("table.toml")
    own = sections.pop("own")
    rows = tuple(_rows(sections))
    unrelated = _unrelated(_toml("unrelated.toml"))
    by_name = dict(_unique((name, option) for row in rows for option in row.options for name in option.names))
    if both := by_name.keys() & unrelated.keys():
        raise ValueError(f"in the table and among the unrelated options: {', '.join(sorted(both))}")
    return OptionTable(rows, by_name, own, unrelated)


def _toml(name: str) -> dict[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath(name).read_text("utf-8"))


def _rows(sections: dict[str, dict[str, dict[str, Any]]]) -> Iterator[Row]:
    for topic, meanings in sections.items():
        for meaning, lines in meanings.items():
            for names, answer in lines.items():
                yield Row(topic, tuple(_options(names, Meaning(meaning), answer)))


def _options(names: str, meaning: Meaning, answer: str | dict[str, str]) -> Iterator[Option]:
    note, instead = (answer, None) if isinstance(answer, str) else (answer["why"], answer["instead"])
    for aliases in names.split(", "):
        yield Option(tuple(aliases.split("|")), meaning, note, instead)


def _unrelated(topics: dict[str, str]) -> dict[str, str]:
    return dict(_unique((name, topic) for topic, names in topics.items() for name in names.split()))


def _unique(items: Iterable[tuple[str, T]]) -> Iterator[tuple[str, T]]:
    seen: set[str] = set()
    for name, item in items:
        if name in seen:
            raise ValueError(f"option {name} stands in the table twice")
        seen.add(name)
        yield name, item


def _section(title: str, columns: Sequence[str], lines: Iterable[str]) -> str:
    return f"### {title.capitalize()}\n\n{_table(columns, lines)}"


def _table(columns: Sequence[str], lines: Iterable[str]) -> str:
    head = f"| {' | '.join(columns)} |"
    rule = f"|{'---|' * len(columns)}"
    return "\n".join([head, rule, *lines])


def _line(row: Row) -> str:
    names = ", ".join(" = ".join(f"`{name}`" for name in option.names) for option in row.options)
    return f"| {names} | {row.answer.meaning.value} | {row.answer.hint} |"

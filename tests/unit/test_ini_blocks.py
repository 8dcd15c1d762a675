"""The blocks of a configuration file: which of their lines count, and how often."""

from pathlib import Path

import pytest
from support.settings import write

from trio_worker.options.blocks import BLOCK_BEGINS
from trio_worker.options.ini import read
from trio_worker.options.raw import repeated


def test_a_block_counts_where_its_condition_holds_and_as_often_as_its_loop_turns(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.ini",
        "[uwsgi]",
        "if-not-exists = /x",
        "a = 1",
        "endif =",
        "if-exists = /x",
        "a = 2",
        "endif =",
        "b = 2",
        "for = 1 2",
        "metric = name=m.%(_)",
        "end-for =",
        "iface = eth0",
        "format = x",
    )
    settings = [each for each in read(path) if each.key not in BLOCK_BEGINS]
    assert [(s.key, s.value, s.conditional, s.entered) for s in settings] == [
        ("a", "1", True, True),
        ("a", "2", True, False),
        ("b", "2", False, True),
        ("metric", "name=m.1", False, True),
        ("metric", "name=m.2", False, True),
        ("iface", "eth0", False, True),
        ("format", "x", False, True),
    ]


def test_a_block_within_a_block_ends_uwsgi(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ini", "[uwsgi]", "if-not-exists = /x", "if-env = X", "a = 1", "endif =", "b = 2")
    assert [(s.key, bool(s.refused)) for s in read(path)][1:] == [("if-env", True), ("a", False), ("b", False)]


def test_what_a_block_includes_is_conditional(tmp_path: Path) -> None:
    write(tmp_path / "b.ini", "[uwsgi]", "b = 2")
    path = write(tmp_path / "a.ini", "[uwsgi]", "if-not-env = X", "ini = %d/b.ini", "endif =", "c = 3")
    assert [(s.key, s.conditional) for s in read(path)][1:] == [("ini", True), ("b", True), ("c", False)]


@pytest.mark.parametrize(
    ("last", "expected"),
    [("10.0.0.2", ["10.0.0.1", "10.0.0.2"]), ("127.0.0.1", ["10.0.0.1", "10.0.0.2", "127.0.0.1"])],
)
def test_what_a_block_repeats_counts_only_where_it_was_entered(tmp_path: Path, last: str, expected: list[str]) -> None:
    block = ("if-env = X", "allow = 127.0.0.1", "endif =")
    path = write(tmp_path / "a.ini", "[uwsgi]", *block, "allow = 10.0.0.1", "allow = 10.0.0.2")
    assert repeated({"ini": str(path).encode(), "allow": last.encode()}, "allow") == expected

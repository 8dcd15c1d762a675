"""Lines that clients bring about: a few of each kind a second, and how many more there were."""

import logging

from trio_worker.worker.sparing import LINES, WINDOW, Sparing


def _record(created: float, text: str = "refused %s", level: int = logging.INFO, name: str = "trio_worker.x") -> str:
    record = logging.LogRecord(name, level, "file", 1, text, ("a client",), None)
    record.created = created
    return record.getMessage() if SPARING.filter(record) else ""


SPARING = Sparing()


def _lines(*args: object) -> list[str]:
    global SPARING
    SPARING = Sparing()
    return [line for number in range(100) if (line := _record(1000 + number / 1000, *args))]  # type: ignore[arg-type]


def test_a_flood_is_a_few_lines_and_their_number() -> None:
    assert _lines() == ["refused a client"] * LINES
    assert _record(1000.5, "closed %s") == "closed a client"
    assert _record(1000 + WINDOW) == f"refused a client (and {100 - LINES} more like it before)"
    assert _record(1001 + 2 * WINDOW) == "refused a client"


def test_errors_and_lines_of_others_are_all_written() -> None:
    assert len(_lines("refused %s", logging.ERROR)) == 100
    assert len(_lines("refused %s", logging.INFO, "an.app")) == 100


def test_a_clock_that_is_set_back_keeps_no_line() -> None:
    assert _lines()
    assert _record(500).startswith("refused a client")

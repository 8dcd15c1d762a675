"""Nothing that is logged ends who logs it."""

import logging

import pytest

from trio_worker.worker.json_log import JsonHandler
from trio_worker.worker.logs import UwsgiHandler


class Unprintable:
    def __str__(self) -> str:
        raise SyntaxError("of a text that is none", ("file", 1, 1, 5))  # type: ignore[arg-type]


@pytest.mark.parametrize("handler", [UwsgiHandler(lambda text: None, 1), JsonHandler(1)], ids=["text", "json"])
def test_what_cannot_be_said_raises_nothing(handler: logging.Handler) -> None:
    """The exception of the message cannot be told either: Python's own handler raises at it."""
    handler.handle(logging.LogRecord("a", logging.ERROR, "file", 1, "%s", (Unprintable(),), None))


@pytest.mark.parametrize("kind", [SyntaxError, ValueError])
def test_each_exception_has_a_word(kind: type[Exception]) -> None:
    said: list[str] = []
    error = kind("of a text that is none", ("file", 1, 1, 5))
    record = logging.LogRecord("a", logging.ERROR, "file", 1, "it failed", (), (kind, error, None))
    UwsgiHandler(said.append, 1).handle(record)
    assert "it failed" in "".join(said)
    assert kind.__name__ in "".join(said)

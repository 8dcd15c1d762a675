"""Python's `logging` as JSON (`trio-log-json`): one object a line, in ASCII, whatever stands in a message.

The lines go to where uWSGI has its log, as request lines do, and not through `uwsgi.log`, which would put `log-date`
before them. A record that is longer than what the master reads at once leaves in several objects, each whole in
itself, with its number as `part`.
"""

import logging
import os
import time
from collections.abc import Iterator

from trio_worker.application.current import CURRENT
from trio_worker.asgi import Record
from trio_worker.master.access_log import LOG_DESCRIPTOR, following
from trio_worker.master.access_log.descriptor import LogDescriptor
from trio_worker.master.access_log.json_lines import dumps, timestamp
from trio_worker.options.raw import RawOptions, text
from trio_worker.options.values import OptionError, a_flag
from trio_worker.worker.logs import PATIENCE, PIECE, Formatter, Handler, UwsgiHandler, wait_for_room
from trio_worker.worker.sparing import Sparing

_KEY = "trio-log-json"

# Bytes that a piece of a text has at least, however much the other fields take.
_LEAST = 500

# Bytes that a character takes in JSON at most: two escapes of UTF-16.
_WIDEST = 12


class JsonHandler(Handler):
    """A handler that writes a record as an object, with the ids of the request that it belongs to.

    Args:
        worker_id: uWSGI's number of this worker.
    """

    def __init__(self, worker_id: int) -> None:
        super().__init__()
        self._own = {"worker": worker_id, "pid": os.getpid()}
        self._write = LogDescriptor(LOG_DESCRIPTOR).write
        self.setFormatter(Formatter())

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        try:
            lines = list(_lines(self._fields(record), self._texts(record)))
            deadline = time.monotonic() + PATIENCE
            for number, line in enumerate(lines):
                if number:
                    wait_for_room(deadline)
                self._write(line.encode("ascii") + b"\n")
        except Exception:
            self.handleError(record)

    def _fields(self, record: logging.LogRecord) -> dict[str, object]:
        when = timestamp(record.created)
        fields = {"time": when, "level": record.levelname, "logger": record.name, **self._own}
        request = CURRENT.get()
        return fields if request is None else fields | _ids(request)

    def _texts(self, record: logging.LogRecord) -> dict[str, str]:
        texts = {"message": record.getMessage()}
        if record.exc_info and self.formatter is not None:
            texts["exception"] = self.formatter.formatException(record.exc_info)
        return texts


def _ids(request: Record) -> dict[str, object]:
    ids = {"trace_id": following.trace_id(request), "span_id": following.span_id(request)}
    if request.notes is not None:
        ids["request_id"] = request.notes.logvars.get("request_id", "")
    return {name: value for name, value in ids.items() if value}


def _lines(fields: dict[str, object], texts: dict[str, str]) -> Iterator[str]:
    line = dumps(fields | texts)
    if len(line) < PIECE:
        yield line
        return
    room = max(_LEAST, PIECE - len(dumps(fields)) - len('"exception":,"part":999999,'))
    pieces = [(name, piece) for name, text in texts.items() for piece in _cut(text, room)]
    for number, (name, piece) in enumerate(pieces, 1):
        yield dumps(fields | {name: piece, "part": number})


def _cut(text: str, room: int) -> Iterator[str]:
    """Yield the text in pieces of whole lines that take so many bytes in JSON at most; a longer line is cut."""
    piece, taken = "", 0
    for line in _short_lines(text, room):
        size = len(dumps({"": line}))
        if piece and taken + size > room:
            yield piece
            piece, taken = "", 0
        piece += line
        taken += size
    yield piece


def _short_lines(text: str, room: int) -> Iterator[str]:
    most = room // _WIDEST
    for line in text.splitlines(keepends=True):
        yield from (line[start : start + most] for start in range(0, len(line), most))


def install(raw: RawOptions, worker_id: int) -> None:
    """Write JSON wherever `logs.install` has had lines written, if the ini asks for it; also of an ini with faults."""
    try:
        if not a_flag(_KEY, text(raw.get(_KEY, b"false"))):
            return
    except OptionError:
        return  # The worker says so when it reads all of the ini.
    handler = JsonHandler(worker_id)
    handler.addFilter(Sparing())
    for logger in (logging.getLogger(), logging.getLogger("trio_worker")):
        logger.handlers = [handler if isinstance(each, UwsgiHandler) else each for each in logger.handlers]

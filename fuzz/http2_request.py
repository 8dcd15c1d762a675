"""The fields of an HTTP/2 request: two readers that agree, and what is served would be served over HTTP/1.1."""

import sys

import atheris
from support.frames import END_HEADERS, END_STREAM, HEADERS, PREFACE, block, frame, settings

from .judge import agree

with atheris.instrument_imports(include=["trio_worker"]):
    from trio_worker.protocols._speedups import read_fields
    from trio_worker.protocols.http2 import rules
    from trio_worker.protocols.http2 import session as http2
    from trio_worker.protocols.rules import Head

# Names and values are spelled as they are written in HTTP/1.1, each field on a line.
SEPARATOR = b": "


def read(data: bytes) -> list[tuple[str, str]]:
    """Return the fields that are spelled so."""
    lines = [line.split(SEPARATOR, 1) for line in data.split(b"\n")]
    return [(line[0].decode("latin-1"), line[1].decode("latin-1")) for line in lines if len(line) == 2]


def _requested(data: bytes) -> list[http2.Requested]:
    """Return the request that libnghttp2 lets through, if it does."""
    session = http2.Session()
    session.begin()
    head = frame(HEADERS, END_HEADERS | END_STREAM, 1, block(*read(data)))
    try:
        events = session.receive(PREFACE + settings() + head)
    except http2.Error:
        return []
    return [each for each in events if isinstance(each, http2.Requested)]


def fuzz(data: bytes) -> None:
    for event in _requested(data):
        fields = event.headers
        assert read_fields(fields) == rules.sort_fields(fields), fields
        asked = rules.read(http2.fields_of(event))
        fault = rules.find_fault(asked, 0, 0) if asked.target.isascii() else True
        if (plain := rules.read_plain(fields)) is not None:
            assert not fault, (fields, fault)
            assert plain == asked[:3], (plain, asked)
        if not fault and not asked.protocol:
            agree(Head(asked.method, asked.target, "1.1", asked.headers))


if __name__ == "__main__":
    atheris.Setup(sys.argv, fuzz)
    atheris.Fuzz()

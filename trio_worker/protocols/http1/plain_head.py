"""The plain request: one head of known form that came in one read, with no body, read in a few steps.

llhttp judges everything else; whatever is not certain here is left to it. So this reader refuses nothing, and it
accepts only what llhttp and the rules accept as well: names of headers are those that llhttp has read before, one of
each, with none among them that says something of the framing.
"""

from collections.abc import Callable
from functools import partial

from trio_worker.asgi import Headers
from trio_worker.host import known_hosts
from trio_worker.memory import Memory
from trio_worker.protocols.rules import FIELD_LIMIT, METHODS, TARGET_LIMIT, USUAL_TARGET

# RFC 9110 section 5.5: what a value may consist of, but for tabs, which are left to llhttp.
_TEXT = bytes([*range(0x20, 0x7F), *range(0x80, 0x100)])

# Headers that decide how a request is framed, or what comes after it.
_DECISIVE = {b"content-length", b"transfer-encoding", b"upgrade", b"expect", b"http2-settings", b"te", b"trailer"}

# RFC 9112 section 9.3: the words that say whether the connection goes on; other values and cases are left to llhttp.
_CONNECTION = {None: True, b"keep-alive": True, b"close": False}

# Names as they are written, with the colon, and in lower case. Clients send a few dozens of them, over and over.
_names: Memory[bytes, bytes] = Memory(512, 64)


def learn(name: bytes, lower: bytes) -> None:
    """Remember a name that llhttp has read."""
    if lower not in _DECISIVE:
        _names.keep(name + b":", lower, len(name))


# Method, target, headers, and True if the connection goes on.
Head = tuple[str, bytes, Headers, bool]


def split_head(
    names: dict[bytes, bytes], methods: dict[bytes, str], hosts: dict[bytes, bool], data: bytes, /
) -> Head | None:
    """Return the request of a head that is plainly well-formed; None for any other.

    Args:
        names: headers' names as they are written, with the colon, and in lower case.
        methods: those that are plain, as bytes and as text.
        hosts: verdicts on hosts that were asked about before.
        data: what was read, which is the head and nothing behind it.
    """
    if data[-4:] != b"\r\n\r\n" or len(data) > TARGET_LIMIT:
        return None
    lines = data[:-4].split(b"\r\n")
    headers: Headers = []
    try:
        method, target, version = lines[0].split(b" ")
        for line in lines[1:]:
            name, value = line.split(b" ", 1)
            headers.append((names[name], value.strip()))
        given = dict(headers)
        keep_alive = _CONNECTION[given.get(b"connection")]
        if hosts[given[b"host"]] and version == b"HTTP/1.1" and _is_plain(data, target, len(lines), headers):
            return methods[method], target, headers, keep_alive
    except (KeyError, ValueError):
        pass
    return None


def _is_plain(data: bytes, target: bytes, lines: int, headers: Headers) -> bool:
    return (
        target[:1] == b"/"
        and not target.translate(None, USUAL_TARGET)
        and len({name for name, _ in headers}) == len(headers) <= FIELD_LIMIT
        # No control character but the line breaks that were found.
        and len(data.translate(None, _TEXT)) == 2 * lines + 2
    )


try:
    # The same in C: a seventh of the time.
    from trio_worker.protocols._speedups import read_head
except ImportError:
    read_head = split_head

# Read a plain request; None for anything else.
read: Callable[[bytes], Head | None] = partial(read_head, _names, METHODS, known_hosts)

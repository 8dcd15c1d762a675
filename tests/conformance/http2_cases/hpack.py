"""Compression of fields: RFC 9113 section 4.3, RFC 7541. What cannot be decoded is a connection error."""

from support.frames import END_HEADERS, END_STREAM, GET, HEADERS, block, frame

from http2_cases.case import COMPRESSION_ERROR, Case, answered, fatal


def _head(data: bytes) -> bytes:
    return frame(HEADERS, END_HEADERS | END_STREAM, 1, data)


def _broken(section: str, name: str, data: bytes) -> Case:
    return fatal(section, name, _head(data), COMPRESSION_ERROR)


# :method GET, :scheme http and :path / of the static table, :authority as a literal with its name (RFC 7541 section 6).
_STATIC = b"\x82\x86\x84\x01\x04test"

CASES: tuple[Case, ...] = (
    answered("RFC 7541 6.1", "fields of the static table", _head(_STATIC)),
    answered("RFC 7541 6.2.1", "a field that is to be kept", _head(_STATIC + b"\x40\x01x\x01a\xbe")),
    answered("RFC 7541 6.2.3", "a field that must not be kept", _head(_STATIC + b"\x10\x01x\x01a")),
    answered("RFC 7541 6.3", "a smaller table, twice, in front", _head(b"\x20\x3f\xe1\x1f" + _STATIC)),
    answered(
        "RFC 7541 5.2",
        "a value in Huffman's code",
        _head(_STATIC + b"\x00\x01x\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff"),
    ),
    _broken("4.3", "a literal that is cut short", b"\x00\x07x-na"),
    _broken("RFC 7541 2.3.3", "an index beyond the tables", _STATIC + b"\xbe"),
    _broken("RFC 7541 2.3.3", "the name of an index beyond the tables", _STATIC + b"\x7e\x01a"),
    _broken("RFC 7541 6.1", "index 0", _STATIC + b"\x80"),
    _broken("RFC 7541 4.2", "a new size of the table at the end", _STATIC + b"\x20"),
    _broken("RFC 7541 6.3", "a table that is larger than allowed", b"\x3f\xe2\x1f" + _STATIC),
    _broken("RFC 7541 5.1", "a number without an end", _STATIC + b"\x00\x7f\xff\xff\xff\xff\xff\xff\xff\xff\x7f"),
    _broken("RFC 7541 5.2", "padding of more than seven bits", _STATIC + b"\x00\x01x\x82\x1f\xff"),
    _broken("RFC 7541 5.2", "padding of zeros", _STATIC + b"\x00\x01x\x81\x18"),
    _broken("RFC 7541 5.2", "the code for the end within a string", _STATIC + b"\x00\x01x\x84\xff\xff\xff\xff"),
    _broken("4.3", "a fault behind all fields of a request", block(*GET) + b"\x80"),
)

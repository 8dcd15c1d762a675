"""Bodies whose end is said twice, or in a way that only one of two parsers understands (RFC 9112 section 6)."""

from smuggled.writing import BEHIND, CHUNKED, HIDDEN, WITHIN, length, post

# Ways to write a Transfer-Encoding that one of two parsers may not take for one.
CODINGS = {
    "unknown": "Transfer-Encoding: xchunked",
    "blank before the colon": "Transfer-Encoding : chunked",
    "tab before the colon": "Transfer-Encoding\t: chunked",
    "no blank": "Transfer-Encoding:chunked",
    "tab": "Transfer-Encoding:\tchunked",
    "tab behind": "Transfer-Encoding: chunked\t",
    "vertical tab": "Transfer-Encoding: \x0bchunked",
    "form feed behind": "Transfer-Encoding: chunked\x0c",
    "no-break space": "Transfer-Encoding: \xa0chunked",
    "control in the name": "Transfer\x01-Encoding: chunked",
    "NUL in the name": "Transfer-Encoding\x00: chunked",
    "capitals": "TRANSFER-ENCODING: CHUNKED",
    "quoted": 'Transfer-Encoding: "chunked"',
    "with a parameter": "Transfer-Encoding: chunked;q=1",
    "twice": "Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
    "twice the same": "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "none and one": "Transfer-Encoding:\r\nTransfer-Encoding: chunked",
    "unknown and one": "Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
    "list of the same": "Transfer-Encoding: chunked, chunked",
    "empty member": "Transfer-Encoding: , chunked",
    "empty member behind": "Transfer-Encoding: chunked,",
    "identity": "Transfer-Encoding: identity, chunked",
    "identity behind": "Transfer-Encoding: chunked, identity",
    "identity alone": "Transfer-Encoding: identity",
    "compressed": "Transfer-Encoding: gzip, chunked",
    "folded": "Transfer-Encoding:\r\n chunked",
    "folded by a tab": "Transfer-Encoding:\r\n\tchunked",
    "folded behind": "Transfer-Encoding: chunked\r\n , x",
    "in a folded line": "X: x\r\n Transfer-Encoding: chunked",
    "behind a line feed": "X: x\nTransfer-Encoding: chunked",
    "behind a carriage return": "X: x\rTransfer-Encoding: chunked",
    "line feed behind": "Transfer-Encoding: chunked\nX: x",
    "with a NUL": "Transfer-Encoding: chunked\x00",
    "with an underscore": "Transfer_Encoding: chunked",
    "behind a blank": " Transfer-Encoding: chunked",
    "name in two lines": "Transfer-Encoding\r\n : chunked",
    "no colon": "Transfer-Encoding chunked",
    "TE": "TE: chunked",
}

# Ways to write a Content-Length of 0 beside the real one.
LENGTHS = {
    "two": "Content-Length: 0",
    "with a sign": "Content-Length: +0",
    "hexadecimal": "Content-Length: 0x0",
    "blank before the colon": "Content-Length : 0",
    "with an underscore": "Content_Length: 0",
    "folded": "Content-Length:\r\n 0",
    "a list": "Content-Length: 0, 0",
    "a list of two": f"Content-Length: 0, {len(HIDDEN)}",
    "negative": "Content-Length: -1",
    "empty": "Content-Length:",
    "vertical tab": "Content-Length: 0\x0b",
    "NUL": "Content-Length: 0\x00",
    "beyond 64 bits": f"Content-Length: {(1 << 64)}",
    "with a blank": "Content-Length: 0 0",
    "with a parameter": "Content-Length: 0;x",
}

# A Content-Length of its own that two parsers may count differently.
ALONE = {
    "a list of the same": f"Content-Length: {len(HIDDEN)}, {len(HIDDEN)}",
    "beyond 64 bits": f"Content-Length: {(1 << 64) + len(HIDDEN)}",
    "leading zeros": f"Content-Length: {len(HIDDEN):09}",
    "a point": f"Content-Length: {len(HIDDEN)}.0",
    "an underscore within": f"Content-Length: {str(len(HIDDEN))[0]}_{str(len(HIDDEN))[1:]}",
    "a blank before the colon": f"Content-Length : {len(HIDDEN)}",
    "a tab before the colon": f"Content-Length\t: {len(HIDDEN)}",
    "folded": f"Content-Length:\r\n {len(HIDDEN)}",
    "an exponent": f"Content-Length: {len(HIDDEN)}e0",
}

PAIRS = {
    "length before chunks": post(length(BEHIND), CHUNKED, body=BEHIND),
    "chunks before length": post(CHUNKED, "Content-Length: 4", body=WITHIN),
    **{f"Transfer-Encoding, {name}": post(length(BEHIND), line, body=BEHIND) for name, line in CODINGS.items()},
    **{f"Transfer-Encoding alone, {name}": post(line, body=WITHIN) for name, line in CODINGS.items()},
    **{f"Content-Length, {name}": post(line, length(HIDDEN), body=HIDDEN) for name, line in LENGTHS.items()},
    **{f"Content-Length behind, {name}": post(length(HIDDEN), line, body=HIDDEN) for name, line in LENGTHS.items()},
    **{f"Content-Length alone, {name}": post(line, body=HIDDEN) for name, line in ALONE.items()},
    "length that a hop removes": post("Connection: Content-Length", length(HIDDEN), body=HIDDEN),
    "chunks that a hop removes": post("Connection: Transfer-Encoding", CHUNKED, body=WITHIN),
}

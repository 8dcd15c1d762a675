"""Chunks whose end, and trailers whose end, two parsers may see in different places (RFC 9112 section 7.1)."""

from smuggled.writing import CHUNKED, HIDDEN, LAST, WITHIN, post

SIZE = f"{len(HIDDEN):x}"

# A chunk that a careful parser reads to its end, however its first line is written.
LINES = {
    "extension": f"{SIZE};a=b\r\n",
    "extension in quotes": f'{SIZE};a="b"\r\n',
    "quoted line break": f'{SIZE};a="\r\n"\r\n',
    "extension with a line feed": f"{SIZE};a\nb\r\n",
    "extension with a carriage return": f"{SIZE};a\rb\r\n",
    "extension with a NUL": f"{SIZE};a\x00b\r\n",
    "extension of 20,000 bytes": f"{SIZE};{'a' * 20000}\r\n",
    "blank behind the size": f"{SIZE} \r\n",
    "tab behind the size": f"{SIZE}\t\r\n",
    "blank before the size": f" {SIZE}\r\n",
    "line feed alone": f"{SIZE}\n",
    "carriage return alone": f"{SIZE}\r",
    "two carriage returns": f"{SIZE}\r\r\n",
    "zeros": f"{SIZE:0>40}\r\n",
    "0x": f"0x{SIZE}\r\n",
    "plus": f"+{SIZE}\r\n",
    "minus": f"-{SIZE}\r\n",
    "underscore": f"{SIZE[0]}_{SIZE[1:]}\r\n",
    "letters behind": f"{SIZE}g\r\n",
    "beyond 64 bits": f"1{SIZE:0>16}\r\n",
    "beyond 32 bits": f"1{SIZE:0>8}\r\n",
    "empty": "\r\n",
    "vertical tab": f"\x0b{SIZE}\r\n",
}

# Behind the first chunk, and behind the last one.
ENDS = {
    "no line break behind a chunk": f"2\r\nxx{WITHIN}",
    "line feed behind a chunk": f"2\r\nxx\n{WITHIN}",
    "carriage return behind a chunk": f"2\r\nxx\r{WITHIN}",
    "two bytes for a line break": f"2\r\nxxyy{WITHIN}",
    "chunk that is longer than it says": f"1\r\nx{HIDDEN}\r\n{LAST}",
    "chunk that is shorter than it says": f"{len(HIDDEN) + 9:x}\r\n{HIDDEN}\r\n{LAST}",
    "last chunk by line feeds": f"{SIZE}\r\n{HIDDEN}\r\n0\n\n",
    "last chunk by zeros": f"{SIZE}\r\n{HIDDEN}\r\n000\r\n\r\n",
    "last chunk with an extension": f"{SIZE}\r\n{HIDDEN}\r\n0;a=b\r\n\r\n",
    "length in the trailers": f"{SIZE}\r\n{HIDDEN}\r\n0\r\nContent-Length: {len(HIDDEN)}\r\n\r\n",
    "chunks in the trailers": f"{SIZE}\r\n{HIDDEN}\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "host in the trailers": f"{SIZE}\r\n{HIDDEN}\r\n0\r\nHost: other\r\n\r\n",
    "folded trailer": f"{SIZE}\r\n{HIDDEN}\r\n0\r\nX: x\r\n y\r\n\r\n",
    "trailer without a colon": f"0\r\n{HIDDEN}",
    "trailer behind a line feed": f"0\nX: x\r\n{HIDDEN}",
    "trailer with a line feed alone": f"0\r\nX: x\n{HIDDEN}",
    "trailer with a carriage return alone": f"0\r\nX: x\r{HIDDEN}",
    "trailer with a NUL": f"0\r\nX: \x00{HIDDEN}",
    "trailers without an end": f"0\r\nX: x\r\n{HIDDEN}",
}

PAIRS = {
    **{f"size, {name}": post(CHUNKED, body=f"{line}{HIDDEN}\r\n{LAST}") for name, line in LINES.items()},
    **{
        f"second size, {name}": post(CHUNKED, body=f"2\r\nxx\r\n{line}{HIDDEN}\r\n{LAST}")
        for name, line in LINES.items()
    },
    **{name: post(CHUNKED, body=body) for name, body in ENDS.items()},
    "chunk that nobody reads": post(CHUNKED, body=WITHIN),
}

"""Request bodies: whole, in pieces and in chunks, too large, too late, and split by middleware."""

from dataclasses import replace

from support.quart import ANY, Case, post

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=limit"
PARTS = (
    b'--limit\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    b'--limit\r\nContent-Disposition: form-data; name="f"; filename="n.bin"\r\n'
    b"Content-Type: image/png\r\n\r\n\0\1\2\r\n--limit--\r\n"
)

EXPECTING = post("/body/data", [b"data"], Content_Length="4", Expect="100-continue")

BODIES = {
    "data": post("/body/data", b"data"),
    "data and close": post("/body/data", b"data", Connection="close"),
    "no data": post("/body/data", b""),
    "data of a GET": Case("/body/data"),
    "large data": post("/body/data", b"0123456789" * 30000),
    "data read twice": post("/body/twice", b"data"),
    "text in UTF-8": post("/body/text", "größe".encode()),
    "text not in UTF-8": post("/body/text", b"\xff", 500),
    "JSON": post("/body/json", b'{"a": [1]}', Content_Type="application/json"),
    "invalid JSON": post("/body/json", b"{", 400, Content_Type="application/json"),
    "invalid JSON in silence": post("/body/json?silent=1", b"{", Content_Type="application/json"),
    "no JSON": post("/body/json", b"{}", Content_Type="text/plain"),
    "form": post("/body/form?q=1", b"a=1&a=2&b=%C3%9F", Content_Type=FORM),
    "empty form": post("/body/form", b"", Content_Type=FORM),
    "files": post("/body/files", PARTS, Content_Type=MULTIPART),
    "broken files": post("/body/files", PARTS[:50], Content_Type=MULTIPART),
    "no files": post("/body/files", b"", Content_Type=MULTIPART),
    "iterated": post("/body/iterate", b"iterated"),
    "iterated, empty": post("/body/iterate", b""),
    "awaited": post("/body/await", b"awaited"),
    "unread": post("/body/unread", b"unread"),
    "large and unread": post("/body/unread", b"x" * 200000),
    "chunked, at once": post("/body/data", [b"one", b"two"], at_once=True),
    "chunked and iterated, at once": post("/body/iterate", [b"one", b"two"], at_once=True),
    "chunked and empty, at once": post("/body/data", [], at_once=True),
    "chunked": post("/body/data", [b"one", b"two"]),
    "chunked and iterated": post("/body/iterate", [b"one", b"two"]),
    "chunked and unread": post("/body/unread", [b"one", b"two"]),
    "chunked files": post("/body/files", [PARTS[:20], PARTS[20:100], PARTS[100:]], Content_Type=MULTIPART),
    "several writes": post("/body/data", [b"one", b"two"], Content_Length="6"),
    "several writes, iterated": post("/body/iterate", [b"one", b"two"], Content_Length="6"),
    "several writes of JSON": post(
        "/body/json", [b'{"a"', b": 1}"], Content_Length="8", Content_Type="application/json"
    ),
    "100-continue": replace(EXPECTING, interim=True),
    "100-continue, at once": replace(EXPECTING, at_once=True),
    "body at the limit": post("/mounted/body/data", b"x" * 100),
    "body above the limit": post("/mounted/body/data", b"x" * 101, 413),
    "form above the limit": post("/mounted/body/form", b"a=" + b"x" * 101, 413, Content_Type=FORM),
    "files above the limit": post("/mounted/body/files", PARTS, 413, Content_Type=MULTIPART),
    "iterated above the limit": post("/mounted/body/iterate", b"x" * 101, 413),
    "unread above the limit": post("/mounted/body/unread", b"x" * 101),
    "chunked above the limit": post("/mounted/body/data", [b"x" * 60, b"x" * 60], 413),
    "chunked above the limit, at once": post("/mounted/body/data", [b"x" * 60, b"x" * 60], 413, at_once=True),
    # Quart 0.23 holds only a body that is awaited to its limit.
    "chunked and iterated above the limit, at once": post("/mounted/body/iterate", [b"x" * 101], ANY, at_once=True),
    "body that does not come": post("/hurried/body/data", [], 408, Content_Length="4"),
    "body that comes in part": post("/hurried/body/data", [b"on"], 408, Content_Length="4"),
    "form that does not come": post("/hurried/body/form", [], 408, Content_Length="4", Content_Type=FORM),
    "split by middleware": post("/split/body/data", b"split by middleware"),
    "JSON split by middleware": post("/split/body/json", b'{"a": 1}', Content_Type="application/json"),
    "chunked, split by middleware": post("/split/body/data", [b"one", b"two"]),
    "no body for middleware": Case("/split/text"),
}

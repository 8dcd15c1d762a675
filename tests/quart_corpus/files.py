"""Files, whole and in part, and conditions of whom has them already."""

import hashlib

from support.quart import Case

DATA_TAG = hashlib.md5(b"0123456789" * 10).hexdigest()
LATER, EARLIER = "Wed, 01 Jan 2098 00:00:00 GMT", "Wed, 01 Jan 1998 00:00:00 GMT"

# The three kinds of body with which a conditional response is made.
KINDS = {"file": "/file", "file in memory": "/file/memory", "data": "/conditional"}

# Conditions with the status that each kind answers them with. An end of a file, `-5`, is too much for this Quart.
CONDITIONS: dict[str, tuple[dict[str, str], tuple[int, int, int]]] = {
    "": ({}, (200, 200, 200)),
    "in part": ({"Range": "bytes=2-5"}, (206, 206, 206)),
    "at its end": ({"Range": "bytes=-5"}, (500, 500, 500)),
    "from somewhere": ({"Range": "bytes=50-"}, (206, 206, 206)),
    "from behind its end": ({"Range": "bytes=9999999-"}, (416, 416, 416)),
    "in another unit": ({"Range": "lines=1-2"}, (416, 416, 416)),
    "with its tag": ({"If-None-Match": f'"{DATA_TAG}"'}, (200, 200, 304)),
    "with any tag": ({"If-None-Match": "*"}, (304, 200, 304)),
    "if newer": ({"If-Modified-Since": LATER}, (304, 200, 200)),
    "if not older": ({"If-Modified-Since": EARLIER}, (200, 200, 200)),
    "in part if not older": ({"If-Range": EARLIER, "Range": "bytes=2-5"}, (200, 200, 200)),
}

FILES = {
    f"{method} {kind} {condition}".strip(): Case(target, statuses[index], method, headers)
    for index, (kind, target) in enumerate(KINDS.items())
    for condition, (headers, statuses) in CONDITIONS.items()
    for method in ("GET", "HEAD")
} | {
    "attached file": Case("/file/attached"),
    "file of a directory": Case("/directory/test_http1_responses.py"),
    "static file": Case("/static/test_http1_responses.py"),
    "part of a static file": Case("/static/test_http1_responses.py", 206, headers={"Range": "bytes=0-9"}),
    "static file if newer": Case("/static/test_http1_responses.py", 304, headers={"If-Modified-Since": LATER}),
    "static file of a mount": Case("/mounted/static/test_http1_responses.py"),
    "no such file": Case("/directory/nowhere", 404),
    "file outside": Case("/directory/..%2Fpyproject.toml", 404),
}

"""Responses that are there at once, mounts and hosts, contexts, and responses that are not quite as they should be."""

from dataclasses import replace

from support.quart import Case, post

# The answer to a body that falls short of its Content-Length.
SHORT = {
    "status": 500,
    "headers": [
        ("content-type", "text/plain; charset=utf-8"),
        ("content-length", "42"),
        ("connection", "close"),
        ("server", "trio-worker"),
    ],
    "body": b"The server failed to answer this request.\n",
    "log": [
        "exception in GET /odd/10",
        "trio_worker.http.app_rules.ResponseError: the body is 7 bytes shorter than its Content-Length",
    ],
}


def _announced(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [("content-length", "3") if name == "transfer-encoding" else (name, value) for name, value in headers]


PLAIN = {
    "text": Case("/text"),
    "text to HEAD": Case("/text", method="HEAD"),
    "text to OPTIONS": Case("/text", method="OPTIONS"),
    "text in 1.0": Case("/text", version="1.0"),
    "text and close": Case("/text", headers={"Connection": "close"}),
    "json": Case("/json"),
    "tuple": Case("/tuple", 201),
    "small bytes": Case("/bytes/100"),
    "bytes at the limit of the short way": Case("/bytes/65536"),
    "bytes above it": Case("/bytes/65537"),
    "many bytes": Case("/bytes/3000000"),
    "many bytes to HEAD": Case("/bytes/3000000", method="HEAD"),
    "empty": Case("/empty"),
    "204": Case("/empty?status=204", 204),
    "304": Case("/empty?status=304", 304),
    "headers": Case("/headers", 299),
    "template": Case("/template"),
    "sync": Case("/sync"),
    "None": Case("/none", 500),
    "redirect": Case("/redirect", 302),
    "permanent redirect": Case("/redirect?status=308", 308),
    "redirect to a slash": Case("/slash", 308),
    "method": Case("/methods", method="PUT"),
    "405": Case("/methods", 405, "POST"),
    "404": Case("/nowhere", 404),
    "404 with a NUL": Case("/no%00where", 404),
    "blueprint": Case("/nested/"),
    "mounted": Case("/mounted/text"),
    "mounted redirect": Case("/mounted/redirect", 302),
    "mounted context": Case("/mounted/context?a=1"),
    "mounted 404": Case("/mounted/nowhere", 404),
    "root of a mount": Case("/mounted", 404),
    "host": Case("/by_host/host", headers={"Host": "host.test"}),
    "host of nobody": Case("/by_host/host", 404, headers={"Host": "host.other"}),
    "subdomain": Case("/by_name/domain", headers={"Host": "sub.name.test"}),
    "no subdomain": Case("/by_name/domain", headers={"Host": "name.test"}),
    "another domain": Case("/by_name/domain", headers={"Host": "other.test"}),
    "own class": Case("/own/text"),
    "context": Case("/context?a=1&a=2&b=%C3%9F", headers={"Authorization": "Basic YTpi", "Cookie": "c=1; d=2"}),
    "context in 1.0": Case("/context", version="1.0"),
    "latin-1 in a header": Case("/context", headers={"X-Name": "gr\xf6\xdfe"}),
    "thread": Case("/thread"),
    "nursery": Case("/nursery"),
    "after_this_request": Case("/after-this"),
    "background task": Case("/background", until="background"),
    "the app's nursery": Case("/nursery/app", until="app's nursery"),
    "push": Case("/push"),
    "test client": Case("/self/client"),
    "ASGI client": Case("/self/transport"),
    "werkzeug response": Case("/odd/werkzeug", 203),
    "text as data": Case("/odd/text"),
    "bytearray as data": Case("/odd/bytearray"),
    "own body": Case("/odd/body"),
    # One message with all of the body says its length; three would need chunks.
    "no Content-Length": Case("/odd/unannounced", differs={"headers": _announced}),
    # What falls short is seen before anything has left, so the client gets an error instead of a part.
    "wrong Content-Length, above": Case("/odd/10", cut=True, differs=SHORT),
    "wrong Content-Length, below": Case("/odd/2", 500),
    # What needs no waiting is answered, whether the client has closed its side or not.
    "text to a closed side": Case("/text", half=True, version="1.0"),
    "text above the limit to a closed side": Case("/bytes/65537", half=True, version="1.0"),
    "body unread and a closed side": replace(post("/body/unread", b"unread"), half=True, version="1.0"),
    "time-out of 0": Case("/timeout/0"),
    "time-out of data": Case("/timeout/5"),
    "no time-out of data": Case("/timeout/none"),
}

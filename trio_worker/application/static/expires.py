"""`static-expires` and its like: until when a client may keep a file.

uWSGI sends a header for each kind of rule that matches, so that there can be several; here the first one holds. It has
the name of the compressed file matched, where one is sent; here a rule means the file that was asked for.
"""

import os
import time
from collections.abc import Iterator
from email.utils import formatdate

from trio_worker.asgi import Scope
from trio_worker.options import Options
from trio_worker.options.static_map import ExpiresRule


class Expires:
    """The rules of an ini.

    Args:
        options: the parsed ini.
    """

    def __init__(self, options: Options) -> None:
        self._by_name = (*options.static_expires, *options.static_expires_mtime)
        self._by_path = (*options.static_expires_path_info, *options.static_expires_path_info_mtime)
        self._by_uri = (*options.static_expires_uri, *options.static_expires_uri_mtime)
        self._by_type = (*options.static_expires_type, *options.static_expires_type_mtime)

    def header(self, path: str, kind: str, status: os.stat_result, scope: Scope) -> list[tuple[bytes, bytes]]:
        """Return the Expires header of a file, nothing where no rule matches."""
        for rule in self._matching(path, kind, scope):
            since = status.st_mtime if rule.since_change else time.time()
            return [(b"expires", formatdate(since + rule.seconds, usegmt=True).encode())]
        return []

    def _matching(self, path: str, kind: str, scope: Scope) -> Iterator[ExpiresRule]:
        yield from (rule for rule in self._by_name if rule.pattern.search(path))
        yield from (rule for rule in self._by_path if rule.pattern.search(scope["path"]))
        if self._by_uri:
            uri = _uri(scope)
            yield from (rule for rule in self._by_uri if rule.pattern.search(uri))
        yield from (rule for rule in self._by_type if rule.pattern.fullmatch(kind))


def _uri(scope: Scope) -> str:
    """Return what the client asked for, as it stood in its request."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope["query_string"]
    return (raw + b"?" + query if query else raw).decode("latin-1")

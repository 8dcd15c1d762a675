"""Compressed files beside the others: `page.html.br` and `page.html.gz`, for clients that take them (`static-gzip`)."""

from trio_worker.application.accepted import weigh, weight
from trio_worker.application.static.lookup import File, Lookup
from trio_worker.options import Options

# In uWSGI's order (core/static.c, uwsgi_static_want_gzip): the coding and the ending of the file's name.
CODINGS = ((b"br", ".br"), (b"gzip", ".gz"))


class Siblings:
    """The files of which a compressed one is looked for.

    Args:
        options: the parsed ini.
    """

    def __init__(self, options: Options) -> None:
        self._lookup = Lookup(options)
        self._all = options.static_gzip_all
        self._directories = options.static_gzip_dirs
        self._endings = options.static_gzip_exts
        self._patterns = options.static_gzip

    def may_have(self, path: str) -> bool:
        """Return True if the ini has compressed files looked for beside this one."""
        return (
            self._all
            or path.startswith(self._directories)
            or path.endswith(self._endings)
            or any(pattern.search(path) for pattern in self._patterns)
        )

    def choose(self, file: File, accepted: bytes) -> tuple[File, bytes]:
        """Return the file to send and its coding, which is empty for the file itself.

        Args:
            file: that was asked for.
            accepted: the value of Accept-Encoding.
        """
        weights = weigh(accepted)
        for coding, ending in CODINGS:
            if weight(weights, coding) > 0 and (sibling := self._lookup.beside(file, ending)) is not None:
                return sibling, coding
        return file, b""

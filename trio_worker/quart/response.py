"""Quart's response, made faster where a handler gives text or bytes and nothing else.

The headers of such a response follow from its class and its length alone. The class made here is the app's own
response class; a response made of anything else is made as Quart makes it.
"""

from functools import cache, lru_cache
from typing import Any

from quart.wrappers import Response
from werkzeug.datastructures import Headers
from werkzeug.utils import get_content_type

# Content types that are remembered.
REMEMBERED = 64

# The members that have a part in making a response, and must be Quart's or Werkzeug's own.
_PARTS = ("__init__", "_clean_status", "content_length", "set_data", "status", "__reduce_ex__")


def install(app: Any) -> None:
    """Give an app whose responses are made as Quart makes them the faster class."""
    stock = app.response_class
    if all(getattr(stock, part) is getattr(Response, part) for part in _PARTS) and _is_alike(_faster(stock), stock):
        app.response_class = _faster(stock)


def _is_alike(faster: Any, stock: Any) -> bool:
    """Compare a response of each class: Werkzeug may have changed what one consists of."""
    ours, theirs = faster("text"), stock("text")
    same_parts = vars(ours).keys() == vars(theirs).keys()
    return same_parts and (ours.status, [*ours.headers]) == (theirs.status, [*theirs.headers])


@cache
def _faster(stock: Any) -> Any:
    class Faster(stock):  # type: ignore[misc]
        def __init__(
            self,
            response: Any = None,
            status: Any = None,
            headers: Any = None,
            mimetype: str | None = None,
            content_type: str | None = None,
        ) -> None:
            kind = self.default_mimetype if mimetype is None else mimetype
            plain = status is None and not headers and content_type is None and kind is not None
            if not plain or not isinstance(response, str | bytes) or not self.automatically_set_content_length:
                super().__init__(response, status, headers, mimetype, content_type)
                return
            data = response.encode() if isinstance(response, str) else response
            self.headers = Headers()
            self.headers._list = [("Content-Type", _content_type(kind)), ("Content-Length", str(len(data)))]
            self._status, self._status_code = _clean_status(self.default_status)
            self.timeout = Ellipsis
            self.response = self.data_body_class(data)

        def __reduce_ex__(self, protocol: Any) -> Any:
            """Pickle it as one of the stock class, since this one cannot be found by its name."""
            return stock.__new__, (stock,), *super().__reduce_ex__(protocol)[2:]

    Faster.__name__, Faster.__qualname__ = stock.__name__, stock.__qualname__
    Faster.__module__, Faster.__doc__ = stock.__module__, stock.__doc__
    return Faster


@lru_cache(REMEMBERED)
def _content_type(mimetype: str) -> str:
    return get_content_type(mimetype, "utf-8")


@lru_cache(REMEMBERED)
def _clean_status(status: Any) -> tuple[str, int]:
    made = Response(status=status)
    return made.status, made.status_code

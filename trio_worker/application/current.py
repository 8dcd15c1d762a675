"""The request that the running code belongs to, and uWSGI's calls that mean it.

`uwsgi.set_logvar`, `get_logvar` and `log_this_request` write into uWSGI's own request, and a worker override has none.
These ones find the request by a context variable: it is known in the app, in the tasks that it starts and in threads of
`trio.to_thread`.
"""

from contextvars import ContextVar
from typing import Any

from trio_worker.asgi import Notes, Record

# The request or WebSocket session whose app runs in this context.
CURRENT: ContextVar[Record | None] = ContextVar("trio_worker.current", default=None)


def current() -> Record:
    """The request that the running code belongs to.

    Raises:
        RuntimeError: it belongs to none.
    """
    record = CURRENT.get()
    if record is None:
        raise RuntimeError("this code belongs to no request")
    return record


def _notes() -> Notes:
    record = current()
    if record.notes is None:
        record.notes = Notes()
    return record.notes


def set_logvar(name: str | bytes, value: str | bytes) -> None:
    """Set a log variable of the current request, for `%(name)` in `log-format`; uWSGI's `uwsgi.set_logvar`.

    Raises:
        RuntimeError: there is no current request.
    """
    _notes().logvars[_text(name)] = _text(value)


def get_logvar(name: str | bytes) -> bytes | None:
    """A log variable of the current request, None when it is not set; uWSGI's `uwsgi.get_logvar`.

    Raises:
        RuntimeError: there is no current request.
    """
    value = _notes().logvars.get(_text(name))
    return None if value is None else value.encode()


def log_this_request() -> None:
    """Have the current request logged in spite of `disable-logging`; uWSGI's `uwsgi.log_this_request`.

    Raises:
        RuntimeError: there is no current request.
    """
    _notes().log_this = True


def install(uwsgi: Any) -> None:
    """Put these calls into the place of those of the `uwsgi` module, so that an app need not know of them."""
    uwsgi.set_logvar = set_logvar
    uwsgi.get_logvar = get_logvar
    uwsgi.log_this_request = log_this_request


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value

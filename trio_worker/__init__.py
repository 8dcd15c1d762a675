"""uWSGI keeps the processes, Trio runs the requests.

`python-worker-override = trio_worker/override.py` in a `uwsgi.ini` makes every worker of that instance one Trio
nursery that serves an ASGI app on every socket the worker inherited.

What an app may use of this package stands here; it is imported when it is first asked for, and importing it needs no
uWSGI:

    on_signal          an async handler for a uWSGI signal
    async_handler      the same for uwsgidecorators
    set_logvar         a variable of log-format for the current request; also get_logvar, log_this_request
    uwsgi_api          the blocking calls of the `uwsgi` module, for async code
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trio_worker.application.current import get_logvar, log_this_request, set_logvar
    from trio_worker.master import api as uwsgi_api
    from trio_worker.master.uwsgi_signals import async_handler, on_signal

__all__ = ["async_handler", "get_logvar", "log_this_request", "on_signal", "set_logvar", "uwsgi_api"]

__version__ = "0.1.0"

# Which module each name comes from.
_SOURCES = {
    "async_handler": "trio_worker.master.uwsgi_signals",
    "get_logvar": "trio_worker.application.current",
    "log_this_request": "trio_worker.application.current",
    "on_signal": "trio_worker.master.uwsgi_signals",
    "set_logvar": "trio_worker.application.current",
}


def __getattr__(name: str) -> Any:
    if name == "uwsgi_api":
        return import_module("trio_worker.master.api")
    if name in _SOURCES:
        return getattr(import_module(_SOURCES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

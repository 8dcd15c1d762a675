"""uWSGI keeps the processes, Trio runs the requests.

`python-worker-override = trio_worker/override.py` in a `uwsgi.ini` makes every worker of that instance one Trio
nursery that serves an ASGI app on every socket the worker inherited.

What an app may use of this package stands here; it is imported when it is first asked for, and importing it needs no
uWSGI:

    on_signal          an async handler for a uWSGI signal
    async_handler      the same for uwsgidecorators
    set_logvar         a variable of log-format for the current request; also get_logvar, log_this_request
    uwsgi_api          the blocking calls of the `uwsgi` module, for async code
    publish            a message to all workers of the instance; also subscribe, Subscription, MessagesLost
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trio_worker.application.current import get_logvar, log_this_request, set_logvar
    from trio_worker.master import api as uwsgi_api
    from trio_worker.master.uwsgi_signals import async_handler, on_signal
    from trio_worker.messages import MessagesLost, Subscription, publish, subscribe

__all__ = [
    "MessagesLost",
    "Subscription",
    "async_handler",
    "get_logvar",
    "log_this_request",
    "on_signal",
    "publish",
    "set_logvar",
    "subscribe",
    "uwsgi_api",
]

__version__ = "0.1.0"

# Which module each name comes from.
_SOURCES = {
    "MessagesLost": "trio_worker.messages",
    "Subscription": "trio_worker.messages",
    "async_handler": "trio_worker.master.uwsgi_signals",
    "get_logvar": "trio_worker.application.current",
    "log_this_request": "trio_worker.application.current",
    "on_signal": "trio_worker.master.uwsgi_signals",
    "publish": "trio_worker.messages",
    "set_logvar": "trio_worker.application.current",
    "subscribe": "trio_worker.messages",
}


def __getattr__(name: str) -> Any:
    if name == "uwsgi_api":
        return import_module("trio_worker.master.api")
    if name in _SOURCES:
        return getattr(import_module(_SOURCES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

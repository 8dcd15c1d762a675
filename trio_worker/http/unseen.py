"""Requests that are refused before an app sees them: counted, named in the worker's log, and answered with their id."""

import logging

from trio_worker.asgi import Headers
from trio_worker.http.service import Service
from trio_worker.refusal import Refusal
from trio_worker.transport.wire import Address

log = logging.getLogger(__name__)


def note(service: Service, kind: str, client: Address | None, refusal: Refusal, headers: Headers) -> Headers:
    """Take note of a refusal, and return the headers that its answer gets besides.

    Args:
        service: the worker's.
        kind: of what is refused, for the log.
        client: that has asked.
        refusal: what it is answered.
        headers: what is known of the request's.
    """
    service.counters.add_refusal(refusal.status)
    marks = service.mark(headers)
    names = "".join(f" ({name.decode()} {value.decode()})" for name, value in marks)
    log.info("refused %s from %s: %d %s%s", kind, client, refusal.status, refusal.reason, names)
    return marks

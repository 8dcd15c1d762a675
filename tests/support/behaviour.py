"""Servers of the app `http1_behaviour` for the tests of a file; conftest.py makes them known to every file.

What most tests ask of it is `GET`.
"""

import pytest

from support.uwsgi import Server, Servers

# Answered with `early`, without a look at its body.
GET = b"GET /early HTTP/1.1\r\nHost: t\r\n\r\n"


@pytest.fixture(scope="module")
def behaving(module_uwsgi: Servers) -> Server:
    """One that takes every body."""
    return module_uwsgi(module="http1_behaviour:app")


@pytest.fixture(scope="module")
def limited(module_uwsgi: Servers) -> Server:
    """One with limits for bodies: 1000 bytes, and a second for each piece."""
    return module_uwsgi(module="http1_behaviour:app", limit_post=1000, trio_body_timeout=1)

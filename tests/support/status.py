"""A client of the status socket of a test."""

import http.client
import json
from collections.abc import Mapping
from typing import Any

from support.http1 import Http1
from support.uwsgi import Server
from support.waiting import eventually

TOKEN = "the token of this test"
BEARER = {"authorization": f"Bearer {TOKEN}"}


def ask(
    server: Server, path: str, headers: Mapping[str, str] | None = None, method: str = "GET"
) -> tuple[int, http.client.HTTPMessage, bytes]:
    """Ask on a connection of its own; the Host is the address unless the headers have one."""
    host, _, port = str(server.options["trio-status"]).rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    try:
        connection.putrequest(method, path, skip_host="host" in (headers or {}))
        for name, value in (headers or {}).items():
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def state(server: Server) -> Any:
    """All workers, their requests, and what has gone wrong."""
    code, _, body = ask(server, "/state")
    assert code == 200, body
    return json.loads(body)


def running(server: Server, path: str) -> Any:
    """The request for this path, once it runs."""
    found = eventually(lambda: [each for each in state(server)["requests"] if each["path"] == path])
    return found[0]


def tasks(server: Server, request: str) -> Any:
    """A request with its task tree."""
    code, _, body = ask(server, f"/tasks?request={request}")
    assert code == 200, body
    return json.loads(body)["tree"]


def client(server: Server, path: str) -> Http1:
    """A client that has asked for this path and waits."""
    found = Http1(server.address)
    found.request(path)
    return found

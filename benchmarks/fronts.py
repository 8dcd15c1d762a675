"""Behind nginx: each server over the protocol that its operators use there, on a UNIX socket.

nginx shares the client's core with wrk, so the server has its own as in every other section.
"""

import contextlib
import http.client
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from .clients import fetch
from .cores import on_client_core
from .load import Load, Requests, wrk
from .plan import Plan
from .rates import as_raw, rate_table
from .report import Finding
from .rows import WARM_UP_SECONDS
from .running import BARE, QUART, Running, Unavailable, free_port, running, wait_for
from .servers import GUNICORN, UVICORN, UWSGI_WSGI, WORKER, Flavour, Server

START_SECONDS = 10.0

# What Debian's /etc/nginx/uwsgi_params passes.
_UWSGI_PARAMS = {
    "QUERY_STRING": "$query_string",
    "REQUEST_METHOD": "$request_method",
    "CONTENT_TYPE": "$content_type",
    "CONTENT_LENGTH": "$content_length",
    "REQUEST_URI": "$request_uri",
    "PATH_INFO": "$document_uri",
    "DOCUMENT_ROOT": "$document_root",
    "SERVER_PROTOCOL": "$server_protocol",
    "REQUEST_SCHEME": "$scheme",
    "REMOTE_ADDR": "$remote_addr",
    "REMOTE_PORT": "$remote_port",
    "SERVER_PORT": "$server_port",
    "SERVER_NAME": "$server_name",
}
_UWSGI_PASS = "\n      ".join(
    [*(f"uwsgi_param {name} {value};" for name, value in _UWSGI_PARAMS.items()), "uwsgi_pass application;"]
)
# Without these two lines nginx opens a connection for each request.
_PROXY_PASS = 'proxy_http_version 1.1; proxy_set_header Connection ""; proxy_pass http://application;'

_NGINX = """\
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log warn;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  keepalive_requests 1000000;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  uwsgi_temp_path {folder}/uwsgi;
  fastcgi_temp_path {folder}/fastcgi;
  scgi_temp_path {folder}/scgi;
  upstream application {{ server unix:{socket}; keepalive 32; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      {location}
    }}
  }}
}}
"""


@dataclass(frozen=True)
class Front:
    """A server, and how nginx speaks to it."""

    server: Server
    directive: str

    @property
    def name(self) -> str:
        return f"{self.server.name}, {self.directive}"


@dataclass(frozen=True)
class Group:
    """Fronts that serve the same thing, to requests that are the same or vary in their query.

    The first is ours, and is compared with each.
    """

    title: str
    apps: Mapping[Flavour, str]
    fronts: tuple[Front, ...]
    varies: bool = False


BARE_FRONTS = (Front(WORKER, "uwsgi_pass"), Front(UWSGI_WSGI, "uwsgi_pass"))
GROUPS = (
    Group(
        "Behind nginx, Quart hello",
        QUART,
        (
            Front(WORKER, "uwsgi_pass"),
            Front(WORKER, "proxy_pass"),
            Front(GUNICORN, "uwsgi_pass"),
            Front(UVICORN, "proxy_pass"),
        ),
    ),
    Group("Behind nginx, bare hello", BARE, BARE_FRONTS),
    Group("Behind nginx, bare hello, each time with another query", BARE, BARE_FRONTS, varies=True),
)


def measure_fronts(plan: Plan) -> Finding:
    """Measure every group whose servers the plan has; uWSGI's own WSGI worker is always measured."""
    loads = {group.title: _rounds(plan, group) for group in GROUPS}
    tables = [rate_table(group.title, loads[group.title], group.fronts[0].name) for group in GROUPS]
    return Finding("fronts", tables, {title: as_raw(measured) for title, measured in loads.items()})


def _rounds(plan: Plan, group: Group) -> dict[str, list[Load]]:
    chosen = [front for front in group.fronts if front.server in (*plan.servers, UWSGI_WSGI)]
    loads: dict[str, list[Load]] = {}
    turns = plan.in_turn(chosen)
    for number, front in turns:
        load = turns.attempt(front, partial(_measure, plan, group, front))
        if load is not None:
            loads.setdefault(front.name, []).append(load)
            plan.say(f"fronts {number}/{plan.rounds} {front.name}: {load.per_second:,.0f}/s")
    return loads


def _measure(plan: Plan, group: Group, front: Front) -> Load:
    uwsgi = front.directive == "uwsgi_pass"
    with (
        running(front.server, group.apps, plan.override, over_unix=True, uwsgi_protocol=uwsgi) as started,
        _nginx(started, _UWSGI_PASS if uwsgi else _PROXY_PASS) as port,
    ):
        url = f"http://127.0.0.1:{port}/"
        requests: Requests = "vary" if group.varies else None
        wrk(url, WARM_UP_SECONDS, requests)
        load = wrk(url, plan.seconds, requests)
    if load.failed >= load.requests:
        raise Unavailable(f"{load.failed} of {load.requests} requests failed")
    return load


@contextlib.contextmanager
def _nginx(started: Running, location: str) -> Iterator[int]:
    """An nginx in front of the started server, once it has passed on an answer; its port."""
    folder, port = started.site.folder, free_port()
    configuration = folder / "nginx.conf"
    socket = started.site.unix
    configuration.write_text(_NGINX.format(folder=folder, socket=socket, port=port, location=location))
    command = on_client_core(["nginx", "-c", str(configuration), "-e", str(folder / "nginx.log")])
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: _status(port) is not None, START_SECONDS)
        if (status := _status(port)) != 200:
            raise Unavailable(f"no answer behind nginx ({status}): {_last_line(folder / 'nginx.log')}")
        yield port
    finally:
        process.kill()
        process.wait()


def _status(port: int) -> int | None:
    with contextlib.suppress(OSError, http.client.HTTPException):
        return fetch(port)[0]
    return None


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return lines[-1] if lines else "nginx logged nothing"

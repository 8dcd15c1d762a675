"""An nginx before a server, which it reaches over a UNIX socket. It shares the client's core."""

import contextlib
import http.client
import subprocess
from collections.abc import Iterator
from pathlib import Path

from .clients import fetch
from .cores import on_client_core
from .running import Running, Unavailable, free_port, wait_for

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
UWSGI_PASS = "\n      ".join(
    [*(f"uwsgi_param {name} {value};" for name, value in _UWSGI_PARAMS.items()), "uwsgi_pass application;"]
)
# Without these two lines nginx opens a connection for each request.
PROXY_PASS = 'proxy_http_version 1.1; proxy_set_header Connection ""; proxy_pass http://application;'

_CONFIGURATION = """\
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


@contextlib.contextmanager
def nginx(started: Running, location: str) -> Iterator[int]:
    """Run an nginx in front of the started server for a with block; yields its port once it has passed on an answer."""
    folder, port = started.site.folder, free_port()
    configuration = folder / "nginx.conf"
    socket = started.site.unix
    configuration.write_text(_CONFIGURATION.format(folder=folder, socket=socket, port=port, location=location))
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

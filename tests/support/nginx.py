"""An nginx of our own in front of a worker, with the configurations of deploy/."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from support.deploy import deployed
from support.http1 import Http1
from support.ini import free_port
from support.waiting import eventually

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")

# The uwsgi_params of Debian's package, for machines that have them elsewhere.
_PARAMS = """\
uwsgi_param QUERY_STRING $query_string;
uwsgi_param REQUEST_METHOD $request_method;
uwsgi_param CONTENT_TYPE $content_type;
uwsgi_param CONTENT_LENGTH $content_length;
uwsgi_param REQUEST_URI $request_uri;
uwsgi_param PATH_INFO $document_uri;
uwsgi_param DOCUMENT_ROOT $document_root;
uwsgi_param SERVER_PROTOCOL $server_protocol;
uwsgi_param REQUEST_SCHEME $scheme;
uwsgi_param HTTPS $https if_not_empty;
uwsgi_param REMOTE_ADDR $remote_addr;
uwsgi_param REMOTE_PORT $remote_port;
uwsgi_param SERVER_PORT $server_port;
uwsgi_param SERVER_NAME $server_name;
"""

# `user root` counts when the tests run as root: the worker process would not reach our directories otherwise.
_MAIN = """\
{user}
daemon off;
worker_processes 1;
pid {directory}/pid;
error_log {directory}/log info;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    uwsgi_temp_path {directory}/uwsgi;
    fastcgi_temp_path {directory}/fastcgi;
    scgi_temp_path {directory}/scgi;
    include {directory}/site.conf;
}}
"""


@contextmanager
def nginx(
    directory: Path, configuration: str, upstream: str, more: Mapping[str, str] | None = None, listen: str = ""
) -> Iterator[tuple[str, int]]:
    """Run nginx with a configuration of deploy/nginx before a worker's socket; yields its address.

    Args:
        directory: for its files.
        configuration: the file's name.
        upstream: the socket as nginx writes it: `127.0.0.1:8000` or `unix:/path`.
        more: what stands in the place of something else in it, besides.
        listen: words behind the address that it listens on, as `http2`.
    """
    assert NGINX is not None
    directory.mkdir()
    address = ("127.0.0.1", free_port())
    replaced = {
        "unix:/run/trio-worker/app.sock": upstream,
        "listen 80;": f"listen {address[0]}:{address[1]} {listen};",
        **(more or {}),
    }
    deployed(f"nginx/{configuration}", directory / "site.conf", replaced)
    (directory / "uwsgi_params").write_text(_PARAMS)
    user = "user root;" if _is_root() else ""
    (directory / "nginx.conf").write_text(_MAIN.format(directory=directory, user=user))
    process = subprocess.Popen(
        [NGINX, "-c", str(directory / "nginx.conf"), "-e", str(directory / "log"), "-p", str(directory)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        eventually(lambda: _listens(address), why=lambda: (directory / "log").read_text())
        yield address
    finally:
        process.terminate()
        process.wait(10)


def _listens(address: tuple[str, int]) -> bool:
    with Http1(address):
        return True


def _is_root() -> bool:

    return os.geteuid() == 0

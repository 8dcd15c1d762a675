"""uWSGI's traps, and the way around each, as docs/traps.md has them; those of the ini's syntax are in the corpus."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.front import Address
from support.http1 import Http1
from support.ini import APPS, CHECKOUT, free_port
from support.log import ACCEPTING
from support.nginx import NGINX, nginx
from support.processes import kill, session_members
from support.uwsgi import Server, Servers
from support.waiting import eventually

DEPLOY = CHECKOUT / "deploy"
BUFFER_SIZE = re.compile(r"^buffer-size = (\d+)$", re.MULTILINE)

# The inis that an operator copies, with the line that a front needs.
SHIPPED = [CHECKOUT / "trio_worker/starter.ini", CHECKOUT / "uwsgi.ini", *sorted(DEPLOY.rglob("*.ini"))]

needs_nginx = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")


def test_a_mule_crashes_again_and_again_with_the_fork_hooks(uwsgi: Servers) -> None:
    """When this fails, uWSGI has mended it: `check` and the page can let mules be."""
    server = uwsgi(mule=True)
    server.wait_log("OOOPS mule 1 .* crippled", count=2)
    with Http1(server.address) as client:
        assert client.get().text == "hello"


def test_a_daemon_in_the_place_of_a_mule_lives_with_the_fork_hooks(uwsgi: Servers) -> None:
    daemon = f"{sys.executable} -c \"import time; print('it works', flush=True); time.sleep(60)\""
    server = uwsgi(attach_daemon=daemon)
    server.wait_log("^it works")
    assert server.count("crippled|DAMN") == 0


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with pyuwsgi, which finds the packages of this one."""
    home = tmp_path_factory.mktemp("pyuwsgi")
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
    installing = [str(home / "bin/pip"), "install", "--quiet", "pyuwsgi>=2.0.30,<2.1"]
    if subprocess.run(installing, capture_output=True).returncode:
        pytest.skip("pyuwsgi cannot be installed here")
    return home


@pytest.fixture(params=["with binary-path", "without binary-path"])
def has_path(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "with binary-path")


def test_pyuwsgi_comes_back_from_a_sighup_with_binary_path_alone(
    environment: Path, tmp_path: Path, has_path: bool
) -> None:
    packages = next(each for each in sys.path if each.endswith("site-packages"))
    lines = [
        "[uwsgi]",
        "master = true",
        "enable-threads = true",
        "py-call-uwsgi-fork-hooks = true",
        f"python-worker-override = {CHECKOUT}/trio_worker/override.py",
        *(f"pythonpath = {path}" for path in (packages, CHECKOUT, APPS)),
        "module = probe:app",
        f"http-socket = 127.0.0.1:{free_port()}",
        *([f"binary-path = {environment}/bin/python"] if has_path else []),
    ]
    (tmp_path / "a.ini").write_text("\n".join(lines) + "\n")
    log = tmp_path / "log"
    with log.open("wb") as out:
        command = [str(environment / "bin/uwsgi"), "--ini", "a.ini"]
        process = subprocess.Popen(command, cwd=tmp_path, stdout=out, stderr=out, start_new_session=True)
    try:
        eventually(lambda: re.search(ACCEPTING, log.read_text()), 20, log.read_text)
        process.send_signal(1)
        if has_path:
            eventually(lambda: len(re.findall(ACCEPTING, log.read_text())) == 2, 20, log.read_text)
        else:
            eventually(lambda: process.poll() is not None, 20, log.read_text)
            assert "No module named 'pyuwsgi'" in log.read_text()
    finally:
        kill(session_members(process.pid))
        process.wait(10)


def test_the_check_knows_pyuwsgi(environment: Path, tmp_path: Path) -> None:
    (tmp_path / "a.ini").write_text("[uwsgi]\nmaster = true\n")
    code = f"import sys; sys.path.append({str(CHECKOUT)!r}); from trio_worker.check.rules import deploys"
    packages = next(each for each in sys.path if each.endswith("site-packages"))
    code += "; from trio_worker.check.configuration import Configuration; from trio_worker.options import ini, table"
    code += "; print(*(each.message for each in deploys._reexecuted(Configuration(ini.read('a.ini'), table.load()))))"
    told = subprocess.run(
        [environment / "bin/python", "-c", f"import sys; sys.path.append({packages!r}); {code}"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    assert f"binary-path = {environment}/bin/python" in told.stdout


def asked(address: Address, cookie: str) -> int:
    with Http1(address) as client:
        return client.get("/scope", cookie=cookie).status


@needs_nginx
def test_a_large_cookie_behind_uwsgi_pass_needs_buffer_size(uwsgi: Servers, tmp_path: Path) -> None:
    size = BUFFER_SIZE.findall((DEPLOY / "systemd/app.ini").read_text())[0]
    for number, (options, status) in enumerate([({}, 502), ({"buffer_size": size}, 200)]):
        server = uwsgi(module="mirror:app", **options)
        with nginx(tmp_path / str(number), "uwsgi_pass.conf", f"unix:{server.unix_path}") as address:
            assert asked(address, "a=" + "x" * 2000) == 200
            assert asked(address, "a=" + "x" * 6000) == status


@pytest.mark.parametrize("ini", SHIPPED, ids=lambda path: path.name)
def test_the_shipped_inis_raise_buffer_size(ini: Path) -> None:
    has_app = "\nmodule = " in ini.read_text()
    assert bool(BUFFER_SIZE.findall(ini.read_text())) is has_app


@pytest.fixture(scope="module")
def mirror(module_uwsgi: Servers) -> Server:
    return module_uwsgi(module="mirror:app", trio_proxy_allow="unix")


@pytest.fixture
def plain_nginx(mirror: Server, tmp_path: Path) -> Iterator[Address]:
    """An nginx with its own uwsgi_params alone."""
    with nginx(
        tmp_path / "plain", "uwsgi_pass.conf", f"unix:{mirror.unix_path}", {"uwsgi_param SERVER_NAME $host;": ""}
    ) as address:
        yield address


def server_of(address: Address) -> list[object]:
    with Http1(address) as client:
        scope = json.loads(client.get("/scope").text)
        assert ["host", "test"] in scope["headers"]
        server: list[object] = scope["server"]
        return server


@needs_nginx
def test_the_server_behind_uwsgi_pass_is_that_of_the_block_until_nginx_names_the_host(
    mirror: Server, plain_nginx: Address, tmp_path: Path
) -> None:
    assert server_of(plain_nginx)[0] != "test"
    with nginx(tmp_path / "n", "uwsgi_pass.conf", f"unix:{mirror.unix_path}") as address:
        assert server_of(address) == ["test", address[1]]


@needs_nginx
def test_the_server_behind_proxy_pass_is_the_workers_socket(mirror: Server, tmp_path: Path) -> None:
    with nginx(tmp_path / "n", "proxy_pass.conf", f"unix:{mirror.unix_path}") as address:
        assert server_of(address) == [str(mirror.unix_path), None]

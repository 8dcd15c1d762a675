"""uWSGI as pyuwsgi, a wheel: its trap at a SIGHUP; and JSON, which the uWSGI of the other tests does not read."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.ini import APPS, CHECKOUT, free_port
from support.log import ACCEPTING
from support.processes import kill, session_members
from support.waiting import eventually

from trio_worker.options.ini import read


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


def test_json_is_read_as_it_is_there(environment: Path, tmp_path: Path) -> None:
    settings = '{"a": [1, "x", true], "b": true, "c": false, "d": null, "e": 2, "f": 2.5, "g": {"h": 1}, "i": "%n"}'
    (tmp_path / "j.json").write_text(f'{{"other": {{"a": 0}},\n"uwsgi": {settings}}}')
    command = [str(environment / "bin/uwsgi"), "--json", "j.json", "--show-config"]
    shown = subprocess.run(command, cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True).stderr
    _, _, lines = shown.partition("\njson = j.json\n")
    lines, _, _ = lines.partition("\nshow-config")
    found = [f"{each.key} = {each.value}" for each in read(str(tmp_path / "j.json"))]
    assert found == lines.splitlines()
    assert len(found) == 8

"""The inis that we ship: the check has nothing against them, where the places are that they name."""

import re
from pathlib import Path

import pytest
from support.ini import CHECKOUT

from trio_worker.check import Level, check
from trio_worker.options import ini

DEPLOY = CHECKOUT / "deploy"
INIS = [str(path.relative_to(DEPLOY)) for path in sorted(DEPLOY.rglob("*.ini"))]

APP = "async def app(scope, receive, send): ...\n"


@pytest.fixture(autouse=True)
def places(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folders of a host, below one with a short name: uWSGI takes 102 bytes for the path of a UNIX socket."""
    tmp_path = tmp_path_factory.mktemp("s")
    for folder in ("srv/app/venv/bin", "run/trio-worker", "etc/trio-worker/vassals", "var/log"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "srv/app/app.py").write_text(APP)
    (tmp_path / "srv/app/trio_plugin.so").touch()
    command = tmp_path / "srv/app/venv/bin/trio-worker"
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def installed(name: str, places: Path) -> str:
    """Copy a file of deploy/ with its folders below those of the test; returns its path."""
    text = re.sub(r"(?<![\w.])/(?=(srv|run|etc|var)/)", f"{places}/", (DEPLOY / name).read_text())
    path = places / Path(name).name
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("name", INIS)
def test_nothing_is_wrong_with_a_shipped_ini(name: str, places: Path) -> None:
    path = installed(name, places)
    assert len(ini.read(path)) > 2
    told = [
        f"{each.setting and each.setting.key}: {each.message}" for each in check(path) if each.level is not Level.NOTE
    ]
    # That of a socket is handed over, by systemd.
    assert [each for each in told if not (name == "systemd/app.ini" and "no socket is named" in each)] == []

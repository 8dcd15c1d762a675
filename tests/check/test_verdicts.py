"""The verdicts of `trio-worker check`, each compared with what a real uWSGI does with the same file.

verdicts.toml says of every file in inis/ how uWSGI fares with it, and what the check has to say besides.
"""

import os
import re
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from support.ini import CHECKOUT, UWSGI, free_port
from support.log import ACCEPTING, FAILED
from support.processes import kill, session_members
from support.waiting import eventually, throughout

from trio_worker.check import Finding, Level, check
from trio_worker.check.binary import reads
from trio_worker.options.formats import FormatError

HERE = Path(__file__).parent
INIS = HERE / "inis"

# The binary and the check find options by the end of the file's name.
FLAGS = {".ini": "--ini", ".yaml": "--yaml", ".xml": "--xml", ".json": "--json"}

APP = """
async def app(scope, receive, send):
    assert scope["type"] == "lifespan"
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return


def create_app():
    return app
"""

# As systemd does it: the first socket is descriptor 3, and the process is the one that it is meant for.
HAND_OVER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ |= {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}
os.execv(sys.argv[2], sys.argv[2:])
"""

# A worker that dies does so at once; what lives for so long after the last of them has accepted goes on living.
LIFE = 0.7


@dataclass(frozen=True)
class Case:
    """A file of the corpus.

    Attributes:
        file: its name, perhaps with a section.
        uwsgi: "serves"; "dies", at its start or again and again; "betrays": serves, and does not what the file says;
            "depends": ends, unless somebody hands it a socket.
        says: what the check says of it, in any order.
        silent: whether it says nothing else.
        companion: another file, whose instance has to run beside it.
        ready: a line of the log that stands for a start without workers.
        quick: whether it belongs to the default suite.
        root: whether uWSGI does what the file says for root alone.
    """

    file: str
    uwsgi: str
    says: list[str] = field(default_factory=list)
    silent: bool = False
    companion: str = ""
    ready: str = ACCEPTING
    quick: bool = False
    root: bool = False

    @property
    def suffix(self) -> str:
        return Path(self.file.partition(":")[0]).suffix


def load() -> list[Case]:
    rows: dict[str, dict[str, Any]] = tomllib.loads((HERE / "verdicts.toml").read_text())
    cases = []
    for name, row in rows.items():
        outcome = row.pop("uwsgi")
        if isinstance(outcome, dict):  # by the version of Python
            outcome = outcome["3.13" if sys.version_info >= (3, 13) else "older"]
        cases.append(Case(name, outcome, **row))
    return cases


CASES = load()
PARAMETERS = [pytest.param(each, id=each.file, marks=[] if each.quick else [pytest.mark.long]) for each in CASES]


@pytest.fixture
def site(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Path:
    """A directory as an operator has it, in which uWSGI and the check are started."""
    tmp_path = tmp_path_factory.mktemp("u")  # a short name, because that of a UNIX socket is short
    words = {
        "@override@": str(CHECKOUT / "trio_worker" / "override.py"),
        "@metrics@": str(CHECKOUT / "trio_worker" / "metrics.ini"),
        "@command@": str(Path(sys.executable).with_name("trio-worker")),
        "@port@": str(free_port()),
        "@other-port@": str(free_port()),
        "@here@": str(tmp_path),
    }
    for path in (each for each in INIS.rglob("*") if each.is_file()):
        text = path.read_text()
        if "@plugin-dir@" in text and path.name == request.node.callspec.params["case"].file:
            words["@plugin-dir@"] = str(request.getfixturevalue("plugin").parent)
        for word, meaning in words.items():
            text = text.replace(word, meaning)
        copy = tmp_path / path.relative_to(INIS)
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(text)
    for folder in ("run", "deep"):
        (tmp_path / folder).mkdir()
    (tmp_path / "site_app.py").write_text(APP)
    (tmp_path / "deep" / "deep_app.py").write_text(APP)
    monkeypatch.setenv("SITE_PORT", str(free_port()))
    monkeypatch.setenv("SITE_COLOUR", "blue")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@contextmanager
def started(case: Case, site: Path, handed: socket.socket | None = None) -> Iterator["Instance"]:
    """Start uWSGI with the file, and a socket handed over as systemd does."""
    command = [UWSGI, FLAGS[case.suffix], case.file]
    passed: tuple[int, ...] = ()
    if handed is not None:
        passed = (handed.fileno(),)
        command = [sys.executable, "-c", HAND_OVER, str(handed.fileno()), *command]
    path = site / f"{case.file}.log"
    with path.open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, pass_fds=passed
        )
    try:
        yield Instance(process, [path, site / "run" / Path(case.file).with_suffix(".log")])
    finally:
        kill(session_members(process.pid))
        process.wait(10)


class Instance:
    """A uWSGI that may or may not serve."""

    def __init__(self, process: "subprocess.Popen[bytes]", logs: list[Path]) -> None:
        self._process = process
        self._logs = logs

    @property
    def log(self) -> str:
        return "".join(each.read_text("utf-8", "replace") for each in self._logs if each.exists())

    def outcome(self, ready: str) -> str:
        """Return "serves" or "dies", as soon as it shows."""
        return eventually(lambda: self._seen(ready), 20, lambda: self.log)

    def _seen(self, ready: str) -> str | None:
        if self._process.poll() is not None or re.search(FAILED, self.log, re.MULTILINE):
            return "dies"
        if not re.search(ready, self.log):
            return None
        try:
            throughout(lambda: self._process.poll() is None and not self._has_failed(), LIFE)
        except AssertionError:
            return "dies"
        return "serves"

    def _has_failed(self) -> bool:
        return re.search(FAILED, self.log, re.MULTILINE) is not None


def checked(file: str) -> list[Finding]:
    try:
        return check(file)
    except FormatError as error:
        return [Finding(Level.ERROR, str(error))]


@pytest.mark.parametrize("case", PARAMETERS)
def test_the_check_says_what_uwsgi_does(case: Case, site: Path) -> None:
    if case.root and os.geteuid():
        pytest.skip("only root changes owners and users")
    if case.suffix == ".json" and not reads("JSON"):
        case = Case(case.file, "dies", ["compiled without JSON"])
    findings = checked(case.file)
    told = "\n".join(f"{each.level.value}: {each.message}" for each in findings)
    with ExitStack() as running:
        if case.companion:
            companion = next(each for each in CASES if each.file == case.companion)
            beside = running.enter_context(started(companion, site))
            assert beside.outcome(companion.ready) == "serves", beside.log
        instance = running.enter_context(started(case, site))
        outcome = instance.outcome(case.ready)
        assert outcome == ("serves" if case.uwsgi in ("serves", "betrays") else "dies"), instance.log
    expected = "no error" if case.uwsgi in ("serves", "depends") else "error"
    assert ("error" if Level.ERROR in {each.level for each in findings} else "no error") == expected, told
    for words in case.says:
        assert words in told
    if case.silent:
        assert [each for each in findings if each.level is not Level.NOTE] == [], told


@pytest.mark.long
@pytest.mark.parametrize("case", [each for each in CASES if each.uwsgi == "depends"], ids=lambda case: case.file)
def test_a_socket_that_is_handed_over_makes_the_difference(case: Case, site: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as handed, started(case, site, handed) as instance:
        assert instance.outcome(case.ready) == "serves", instance.log


def test_the_corpus_is_whole() -> None:
    files = {each.name for each in INIS.iterdir() if each.suffix in FLAGS}
    assert files == {case.file.partition(":")[0] for case in CASES}
    assert len(files) >= 40


def test_a_warning_is_an_error_where_strictness_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a.ini").write_text((INIS / "listen_missing.ini").read_text().replace("@override@", os.devnull))
    command = [sys.executable, "-m", "trio_worker", "check", "a.ini"]
    for arguments, line in (([], "warning: `listen` is missing"), (["--strict"], "error: `listen` is missing")):
        shown = subprocess.run([*command, *arguments], cwd=tmp_path, capture_output=True, text=True).stdout
        assert line in shown

"""The image of deploy/docker, as far as it goes without Docker, and the manifests of deploy/kubernetes.

The Dockerfile's own lines are carried out: its virtual environment, its user, its entry point as process 1 of a
namespace of its own, its health check.
"""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from support.deploy import DEPLOY
from support.http1 import Http1
from support.ini import APPS, CHECKOUT, free_port
from support.processes import children, kill, session_members
from support.waiting import eventually

PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
MANIFESTS = list(yaml.safe_load_all((DEPLOY / "kubernetes" / "app.yaml").read_text()))
UNPRIVILEGED = ["setpriv", "--reuid=10001", "--regid=10001", "--clear-groups", "--no-new-privs"]

# In the namespace of the container, a Python in a folder that only root may enter, as in root's home, is seen by all.
OPEN_PYTHON = """
set -e
python=$1 private=$2 kept=$3; shift 3
if [ -n "$private" ]; then
    mount --bind "$python" "$kept"
    mount -t tmpfs -o mode=755 tmpfs "$private"
    mkdir -p "$python"
    mount --bind "$kept" "$python"
fi
exec "$@"
"""

needs_namespaces = pytest.mark.skipif(
    os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "setpriv"))), reason="needs root, unshare and setpriv"
)


class Image:
    """What the Dockerfile makes, with other places for its files.

    Attributes:
        folder: what is /srv/app in the image.
        log: what the container says.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.log = folder / "log"
        self._dockerfile = (DEPLOY / "docker" / "Dockerfile").read_text()

    def _here(self, text: str) -> str:
        return text.replace("/srv/app", str(self.folder)).replace(":8000", f":{self.port}")

    def build(self) -> None:
        (self.folder / "requirements.txt").write_text("")
        shutil.copy(APPS / "probe.py", self.folder / "app.py")
        text = self._here((DEPLOY / "docker" / "app.ini").read_text())
        (self.folder / "app.ini").write_text(text.replace("/tmp/app.fifo", f"{self.folder}/tmp/app.fifo"))
        (self.folder / "tmp").mkdir()
        os.chown(self.folder / "tmp", 10001, 10001)
        make, install = re.findall("^RUN ((?:python -m venv|.*pip install).*)$", self._dockerfile, re.MULTILINE)
        ours = {"python -m venv": f"{sys.executable} -m venv", "'trio-worker[": f"'{CHECKOUT}[", "--no-cache-dir": "-q"}
        for command in (make, install):
            for theirs, our in ours.items():
                command = command.replace(theirs, our)
            subprocess.run(self._here(command), shell=True, check=True, cwd=self.folder)

    def _command(self, instruction: str) -> list[str]:
        (line,) = re.findall(rf"^{instruction}.*?(\[.*\])$", self._dockerfile, re.MULTILINE)
        return [self._here(each) for each in json.loads(line)]

    @contextmanager
    def run(self) -> Iterator[int]:
        """Run the entry point as process 1; yields its process id here."""
        kept = self.folder / "python"
        kept.mkdir(exist_ok=True)
        opened = ["sh", "-c", OPEN_PYTHON, "sh", sys.base_prefix, _private(Path(sys.base_prefix)), str(kept)]
        space = ["unshare", "--pid", "--fork", "--mount", "--mount-proc"]
        command = [*space, *opened, *UNPRIVILEGED, *self._command("ENTRYPOINT")]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/", start_new_session=True)
        try:
            eventually(lambda: self.is_healthy() or self.process.poll() is not None, 30, self.log.read_text)
            yield next(iter(children(self.process.pid)), 0)
        finally:
            kill(session_members(self.process.pid))
            self.process.wait(10)

    def is_healthy(self) -> bool:
        return subprocess.run(self._command("HEALTHCHECK"), capture_output=True, timeout=10).returncode == 0


def _private(folder: Path) -> str:
    """Return the first folder above this one that others than its user cannot enter; empty where there is none."""
    closed = [each for each in reversed(folder.parents) if not each.stat().st_mode & 0o001]
    return str(closed[0]) if closed else ""


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    # Not pytest's own folder: others than its user cannot enter that.
    with tempfile.TemporaryDirectory(prefix="trio-image-") as name:
        Path(name).chmod(0o755)
        built = Image(Path(name))
        built.build()
        yield built


@needs_namespaces
def test_process_1_lets_requests_finish(image: Image) -> None:
    with image.run() as first, Http1(("127.0.0.1", image.port)) as client:
        status = Path(f"/proc/{first}/status").read_text()
        assert re.search(r"^NSpid:\s+\d+\s+1$", status, re.MULTILINE)
        assert re.search(r"^Uid:\s+10001\s+10001\s", status, re.MULTILINE)
        client.request("/sleep?seconds=1.5")
        eventually(lambda: "sleeping" in image.log.read_text())
        os.kill(first, signal.SIGTERM)
        # The load balancer is told, and has its time to notice.
        eventually(lambda: not image.is_healthy())
        with Http1(("127.0.0.1", image.port)) as late:
            assert late.get("/").text == "hello"
        assert client.response().text == "slept"
        assert image.process.wait(15) == 0


@needs_namespaces
def test_each_line_of_its_log_is_an_object(image: Image) -> None:
    with image.run():
        with Http1(("127.0.0.1", image.port)) as client:
            assert client.get("/raise").status == 500
        eventually(lambda: "raised on request" in image.log.read_text())
        lines = image.log.read_text().splitlines()
    # What uWSGI says before it has read its ini is not for a logger.
    first = next(number for number, line in enumerate(lines) if line.startswith("{"))
    found = [json.loads(line) for line in lines[first:] if line]
    assert len(found) > 10
    assert all(each.keys() == {"time", "message"} for each in found)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}", each["time"]) for each in found)


@needs_namespaces
def test_an_app_that_does_not_load_ends_the_container(image: Image) -> None:
    app = image.folder / "app.py"
    good = app.read_text()
    app.write_text("import no_such_module\n")
    try:
        with image.run():
            assert image.process.wait(20) == 22
    finally:
        app.write_text(good)
    assert "No module named 'no_such_module'" in image.log.read_text()


def test_the_image_names_what_is_there() -> None:
    """Folders and options that the Dockerfile does not make are the ini's mistakes."""
    text = (DEPLOY / "docker" / "Dockerfile").read_text()
    assert {"USER 10001:10001", "STOPSIGNAL SIGTERM"} <= set(text.splitlines())
    assert shlex.split(re.findall("^ENTRYPOINT (.*)$", text, re.MULTILINE)[0])


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda each: each["kind"])
def test_a_manifest_fits_its_schema(manifest: dict[str, Any]) -> None:
    kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)


def test_the_manifests_fit_the_image() -> None:
    deployment, service, _ = MANIFESTS
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    ini = (DEPLOY / "docker" / "app.ini").read_text()
    (mercy,) = map(int, re.findall("^worker-reload-mercy = (.*)$", ini, re.MULTILINE))
    assert pod["terminationGracePeriodSeconds"] >= mercy + 5
    assert {container[probe]["httpGet"]["path"] for probe in PROBES} == set(
        re.findall("^trio-health = (.*)$", ini, re.M)
    )
    assert f"socket = :{container['ports'][0]['containerPort']}\n" in ini
    assert f"USER {pod['securityContext']['runAsUser']}:" in (DEPLOY / "docker" / "Dockerfile").read_text()
    assert service["spec"]["selector"].items() <= deployment["spec"]["template"]["metadata"]["labels"].items()

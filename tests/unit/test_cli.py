"""The `trio-worker` command where uWSGI itself calls it."""

import subprocess
import sys
from pathlib import Path

import pytest

# What takes longer to import than the command may take.
HEAVY = ("trio", "tomllib", "hypercorn", "subprocess")

LOOK = "import sys; from trio_worker.cli import main; main(sys.argv[1:]); print(*sorted(sys.modules), file=sys.stderr)"


@pytest.mark.parametrize("command", ["path", "metrics", "starter"])
def test_a_reload_does_not_wait_for_imports(command: str) -> None:
    done = subprocess.run([sys.executable, "-c", LOOK, command], check=True, capture_output=True, text=True)
    assert done.stdout
    assert set(HEAVY).isdisjoint(done.stderr.split())


def test_the_starter_needs_no_path() -> None:
    command = Path(sys.executable).parent / "trio-worker"
    text = subprocess.run([command, "starter"], check=True, capture_output=True, text=True, env={}).stdout
    assert f"python-worker-override = @(exec://{command} path)" in text
    assert f"ini = exec://{command} metrics" in text


def test_a_reader_that_has_had_enough_is_no_error() -> None:
    command = [sys.executable, "-m", "trio_worker", "options"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 0


def test_metrics_are_printed_without_a_block() -> None:
    """So that an ini may include them in a block of its own: uWSGI knows none within another."""
    command = [sys.executable, "-m", "trio_worker", "metrics", "--workers", "3"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert [line for line in text.splitlines() if ".in_flight" in line] == [
        f"metric = name=trio.worker.{number}.in_flight,type=gauge" for number in (1, 2, 3)
    ]
    assert "for-times" not in text
    assert "endfor" not in text

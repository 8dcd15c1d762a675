"""Configuration files, and what uWSGI itself makes of them."""

import subprocess
from pathlib import Path

from support.ini import UWSGI
from trio_worker.options.blocks import BLOCK_ENDS
from trio_worker.options.setting import Setting

FLAGS = {".ini": "--ini", ".yaml": "--yaml", ".xml": "--xml"}


def write(path: Path, *lines: str) -> str:
    """Write a file; returns its path."""
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def pairs(settings: list[Setting]) -> list[tuple[str, str]]:
    """The keys and values of settings."""
    return [(setting.key, setting.value) for setting in settings]


def uwsgi_pairs(path: str, directory: Path) -> list[tuple[str, str]]:
    """What uWSGI makes of an ini: with no socket it prints the configuration and ends."""
    done = subprocess.run(
        [UWSGI, FLAGS[Path(path.partition(":")[0]).suffix], path, "--show-config"],
        cwd=directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
    )
    _, _, shown = done.stderr.partition(";uWSGI instance configuration\n[uwsgi]\n")
    lines = [line.partition(" = ") for line in shown.partition("\n;end of configuration")[0].splitlines()]
    found = [(key, value) for key, _, value in lines]
    assert found[0] == (FLAGS[Path(path).suffix].strip("-"), path)
    found.remove(("show-config", "true"))
    return [pair for pair in found[1:] if pair[0] not in BLOCK_ENDS]

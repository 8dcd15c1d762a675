"""The fuzzers still run: each target takes its seeds, and the C readers theirs under sanitizers."""

import importlib.util
import os
import subprocess
import sys

import pytest
from support.imports import ROOT


@pytest.mark.long
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="needs the extra `fuzz`")
def test_the_targets_take_their_seeds() -> None:
    command = ["make", "fuzz", "ARGS=0", f"VENV={os.path.relpath(sys.prefix, ROOT)}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    assert "nothing found" in done.stdout

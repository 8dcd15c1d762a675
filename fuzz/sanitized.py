"""`python -m fuzz.sanitized`: what the fuzzers have found, once more through the C readers under ASan and UBSan.

gcc compiles them with the sanitizers, whose library is loaded before Python; Python's own allocator, which hides where
an object ends, is replaced by malloc.
"""

import importlib.util
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

from .seeds import SEEDS

FOLDER = Path("trio_worker/protocols")
MODULES = ("_speedups", "_packets")
FOUND = Path("build/fuzz")
FLAGS = ["-O1", "-g", "-shared", "-fPIC", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]

# The targets whose inputs one of the readers is given.
TARGETS = ("plain_head", "http2_request", "uwsgi_packet")


def main() -> int:
    """Compile, and run this module again below the sanitizers."""
    FOUND.mkdir(parents=True, exist_ok=True)
    include = sysconfig.get_path("include")
    for module in MODULES:
        source, library = FOLDER / f"{module}.c", FOUND / f"{module}.so"
        subprocess.run(["gcc", *FLAGS, f"-I{include}", str(source), "-o", str(library)], check=True)
    asan = subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True)
    # Python itself gives memory back at its end only where it needs to.
    sanitizers = {"LD_PRELOAD": asan.stdout.strip(), "ASAN_OPTIONS": "detect_leaks=0", "PYTHONMALLOC": "malloc"}
    command = [sys.executable, "-m", "fuzz.sanitized", "replay"]
    return subprocess.run(command, env={**os.environ, **sanitizers}).returncode


def replay() -> int:
    """Give the readers each input whole and cut, beside the Python code that does the same."""
    for module in MODULES:
        name = f"trio_worker.protocols.{module}"
        spec = importlib.util.spec_from_file_location(name, FOUND / f"{module}.so")
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    for target in TARGETS:
        fuzz = importlib.import_module(f"fuzz.{target}").fuzz
        inputs = [*SEEDS[target], *(path.read_bytes() for path in sorted((FOUND / target).glob("*")))]
        for data in inputs:
            for size in {len(data), *range(0, len(data), 1 + len(data) // 50)}:
                fuzz(data[:size])
        print(f"{target}: {len(inputs)} inputs and their beginnings, nothing found")
    return 0


if __name__ == "__main__":
    sys.exit(replay() if sys.argv[1:] else main())

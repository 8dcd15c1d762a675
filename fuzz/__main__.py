"""`python -m fuzz [SECONDS]`: every target in turn, each in a process of its own, SECONDS (600) in all.

A target that fails leaves its input in build/fuzz/TARGET/crash-*; `python -m fuzz.TARGET FILE` runs it again.
"""

import subprocess
import sys
from pathlib import Path

from .seeds import SEEDS

# Bytes of the longest input, seconds that one may take, and MiB of memory that a target may use.
LONGEST, SLOWEST, MEMORY = 8192, 10, 1024


def main() -> int:
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 600
    return max(_run(target, max(1, seconds // len(SEEDS))) for target in SEEDS)


def _run(target: str, seconds: int) -> int:
    corpus = Path("build") / "fuzz" / target
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(SEEDS[target]):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = {
        "max_total_time": seconds,
        "max_len": LONGEST,
        "timeout": SLOWEST,
        "rss_limit_mb": MEMORY,
        "artifact_prefix": f"{corpus}/",
        "print_final_stats": 1,
    }
    command = [sys.executable, "-m", f"fuzz.{target}", *(f"-{key}={value}" for key, value in options.items())]
    print(f"fuzzing {target} for {seconds} s", flush=True)
    return subprocess.run([*command, str(corpus)]).returncode


if __name__ == "__main__":
    sys.exit(main())

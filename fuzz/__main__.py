"""`python -m fuzz [SECONDS]`: every target in turn, in a process of its own, SECONDS (600) in all; 0 for seeds only.

A target that fails leaves its input in build/fuzz/TARGET/crash-*; `python -m fuzz.TARGET FILE` runs it again. At last
all that they have found goes through the C readers under sanitizers.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from .seeds import SEEDS, WORDS

# Bytes of the longest input, seconds that one may take, and MiB of memory that a target may use.
LONGEST, SLOWEST, MEMORY = 8192, 10, 1024


def main() -> int:
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 600
    failed = [target for target in SEEDS if _run(target, seconds // len(SEEDS)) != 0]
    if shutil.which("gcc") and subprocess.run([sys.executable, "-m", "fuzz.sanitized"]).returncode != 0:
        failed.append("sanitized")
    print(f"failed: {', '.join(failed)}" if failed else "nothing found")
    return 1 if failed else 0


def _run(target: str, seconds: int) -> int:
    corpus = Path("build") / "fuzz" / target
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(SEEDS[target]):
        (corpus / f"seed-{number}").write_bytes(seed)
    options: dict[str, object] = {
        **({"max_total_time": seconds} if seconds else {"runs": 0}),
        "max_len": LONGEST,
        "timeout": SLOWEST,
        "rss_limit_mb": MEMORY,
        "artifact_prefix": f"{corpus}/",
        "print_final_stats": 1,
        "verbosity": 1 if seconds else 0,
    }
    if target in WORDS:
        options["dict"] = _write_words(corpus.with_suffix(".dict"), WORDS[target])
    command = [sys.executable, "-m", f"fuzz.{target}", *(f"-{key}={value}" for key, value in options.items())]
    print(f"fuzzing {target} for {seconds} s", flush=True)
    return subprocess.run([*command, str(corpus)]).returncode


def _write_words(path: Path, words: bytes) -> Path:
    """Write the words, which `|` parts, as the fuzzer's dictionary: each in hexadecimal."""
    lines = ['"' + "".join(f"\\x{byte:02x}" for byte in word) + '"' for word in words.split(b"|")]
    path.write_text("\n".join(lines) + "\n")
    return path


if __name__ == "__main__":
    sys.exit(main())

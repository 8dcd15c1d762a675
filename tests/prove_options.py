"""Takes each honoured option, and each of our own, away from its test, which must fail then.

    python tests/prove_options.py [option...]

option_tests.toml names the tests. Each runs in a pytest of its own in which no ini gets the option. Every option takes
some seconds, all of them about a quarter of an hour.
Exit status 1 when a test does not need its option.
"""

import os
import subprocess
import sys

from support.option_tests import TESTS, Proof, load, names_of

# pytest's exit code when tests have run and some of them failed.
FAILED = 1


def fails_without(proof: Proof) -> bool:
    """Whether the test fails when no ini has the option."""
    options = ["-o", "addopts=", "-p", "no:cacheprovider", "--quiet", "--exitfirst", "--tb=line"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, proof.node],
        cwd=TESTS.parent,
        env=os.environ | {"TRIO_TEST_WITHOUT": " ".join(names_of(proof.option))},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode not in (0, FAILED):
        sys.exit(done.stdout.decode(errors="replace"))
    return done.returncode == FAILED


def main(wanted: list[str]) -> int:
    """Prove the wanted options, or all of them; returns the exit status."""
    proofs = [each for each in load() if not wanted or each.option in wanted]
    useless = []
    for each in proofs:
        proved = fails_without(each)
        print(f"{'ok' if proved else 'PASSES WITHOUT IT'}: {each.option}: {each.file.stem}::{each.test}", flush=True)
        useless += [] if proved else [each]
    print(f"{len(proofs) - len(useless)} of {len(proofs)} tests need their option")
    return 1 if useless else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""One run of `make chaos`, whose seed has every fault in it."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from chaos.__main__ import run

SEED, SECONDS = 19, 115.0


@pytest.mark.long
def test_the_ledger_of_a_run_balances() -> None:
    with TemporaryDirectory(prefix="c") as directory:
        assert run(Path(directory), SEED, SECONDS, []) == []

"""The README's tables are the ones that the command prints."""

import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"


@pytest.mark.parametrize(("marker", "arguments"), [("options", []), ("own-options", ["--own"])])
def test_an_option_table_is_the_printed_one(marker: str, arguments: list[str]) -> None:
    command = [sys.executable, "-m", "trio_worker", "options", *arguments]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, cwd=README.parent).stdout
    _, _, rest = README.read_text().partition(f"<!-- {marker}:begin -->\n")
    shown, end, _ = rest.partition(f"<!-- {marker}:end -->")
    assert end
    assert shown.strip() == printed.strip()

"""The documentation shows what is: tables are printed ones, code blocks are files, links lead somewhere."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
EXAMPLES = ROOT / "docs" / "examples"

LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)[^)]*\)")
BLOCK = re.compile(r"^```(python|ini)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("marker", "arguments"), [("options", []), ("own-options", ["--own"])])
def test_an_option_table_is_the_printed_one(marker: str, arguments: list[str]) -> None:
    command = [sys.executable, "-m", "trio_worker", "options", *arguments]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT).stdout
    _, _, rest = (ROOT / "docs" / "options.md").read_text().partition(f"<!-- {marker}:begin -->\n")
    shown, end, _ = rest.partition(f"<!-- {marker}:end -->")
    assert end
    assert shown.strip() == printed.strip()


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) < 150


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_within_lead_to_files(page: Path) -> None:
    targets = [target for target in LINK.findall(page.read_text()) if "://" not in target]
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_code_blocks_are_files_or_parts_of_them(page: Path) -> None:
    files = [path for folder in (EXAMPLES, ROOT / "deploy") for path in folder.rglob("*.*")]
    texts = [path.read_text() for path in files]
    for _, block in BLOCK.findall(page.read_text()):
        whole = block in texts
        part = any(block.strip() in text for text in texts)
        assert whole or part or _is_an_import(block), block


def _is_an_import(block: str) -> bool:
    """Return True for a line that a test runs itself."""
    if block.startswith("from trio_worker import "):
        exec(block, {})
        return True
    return False

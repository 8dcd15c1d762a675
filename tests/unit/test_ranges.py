"""What trio-worker asks for: ranges with two ends, from whatever index there is; and the audit of what came."""

import json
import re
from typing import Any

import pytest
from audit import OURS, installed, judge
from oldest import EXTRAS, FILE, PROJECT, bounds, oldest
from packaging.requirements import Requirement
from support.ini import CHECKOUT

REQUIREMENTS = [
    *FILE["build-system"]["requires"],
    *PROJECT["dependencies"],
    *(each for lines in PROJECT["optional-dependencies"].values() for each in lines),
]

# An address that came with the source would be one more that somebody can take over.
INDEX = re.compile(
    r"index[-_]url|find[-_]links|trusted[-_]host|(PIP|UV)_\w*(INDEX|LINKS)|dependency_links", re.IGNORECASE
)

# The files that tell a tool what to install; and none that fixes versions for one index stands beside them.
TELLING = ["pyproject.toml", "hatch_build.py", "Makefile", ".ci/run", "deploy/docker/Dockerfile"]
FIXING = ["requirements*.txt", "*.lock", "pip.conf", "uv.toml", "setup.cfg", "setup.py"]


@pytest.mark.parametrize("line", REQUIREMENTS)
def test_every_range_has_a_lower_and_an_upper_end(line: str) -> None:
    assert sorted(bounds(Requirement(line))) == ["<", ">="]
    assert Requirement(line).url is None


@pytest.mark.parametrize("name", TELLING)
def test_no_file_names_an_index(name: str) -> None:
    assert not INDEX.search((CHECKOUT / name).read_text())


def test_no_file_fixes_versions() -> None:
    assert [path.name for pattern in FIXING for path in CHECKOUT.glob(pattern)] == []


def test_the_oldest_versions_are_the_lower_ends() -> None:
    versions = dict(line.split("==") for line in oldest())
    assert versions["trio"] == bounds(Requirement("trio>=0.30,<0.36"))[">="]
    assert {"uwsgi", "quart-trio", "rich", "watchfiles", "zstandard"} < set(versions)


def test_what_is_audited_is_what_users_get() -> None:
    versions = installed(OURS, {}, set())
    assert {"trio-worker", "trio", "attrs", "h11", "quart-trio", "uwsgi"} <= set(versions)
    assert not {"pytest", "mypy", "pip"} & set(versions)
    assert "pyuwsgi" not in EXTRAS


def report(*dependencies: dict[str, Any]) -> str:
    return json.dumps({"dependencies": dependencies, "fixes": []})


SOUND: dict[str, Any] = {"name": "trio", "version": "0.35.0", "vulns": []}
WEAK = {"name": "h2", "version": "4.2.0", "vulns": [{"id": "GHSA-1", "fix_versions": ["4.3.0"], "aliases": []}]}
PASSED = {"name": "ngh2", "skip_reason": "Dependency not found on PyPI and could not be audited: ngh2 (0.3.0)"}


@pytest.mark.parametrize(
    ("said", "code", "words"),
    [
        (report(SOUND), 0, "1 packages audited"),
        (report(SOUND, PASSED), 0, "1 packages audited, unknown to the service: ngh2"),
        (report(SOUND, WEAK), 1, "h2 4.2.0: GHSA-1, mended in 4.3.0\n2 packages audited"),
        (report(PASSED, PASSED), 0, "nothing was audited: the service of known weaknesses does not answer"),
        ("", 0, "nothing was audited: No module named pip_audit"),
    ],
)
def test_an_audit_that_has_seen_nothing_does_not_say_that_all_is_well(said: str, code: int, words: str) -> None:
    found = judge(said, "a warning\nNo module named pip_audit\n")
    assert found[0] == code
    assert found[1].startswith(words)

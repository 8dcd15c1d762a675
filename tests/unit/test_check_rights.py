"""The check of an ini that drops root's rights: what its workers could not read."""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from trio_worker.check import Level, check

# Neither the user of these tests, who may be root, nor in a group of theirs.
STRANGER = 54321


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that everybody may pass, as those above it; the folders of pytest are for one user alone."""
    with TemporaryDirectory(dir="/tmp") as name:
        Path(name).chmod(0o711)
        yield Path(name)


def unreadable(folder: Path, *lines: str, uid: object = STRANGER, gid: object = STRANGER) -> list[str]:
    """The names of the files of which is said that the user may not read them."""
    path = folder / "uwsgi.ini"
    path.write_text("\n".join(["[uwsgi]", f"uid = {uid}", f"gid = {gid}", f"chdir = {folder}", *lines, ""]))
    found = [each.message for each in check(str(path)) if each.level is Level.ERROR]
    return [each.partition(" may not read ")[2].partition(",")[0] for each in found if "may not read" in each]


def file(folder: Path, name: str, mode: int) -> str:
    path = folder / name
    path.parent.mkdir(exist_ok=True, mode=0o711)
    path.touch()
    path.chmod(mode)
    return str(path)


def test_a_key_for_root_alone(folder: Path) -> None:
    key = file(folder, "key", 0o600)
    assert unreadable(folder, f"trio-keyfile = {key}") == [key]
    assert unreadable(folder, "trio-keyfile = key") == [key]
    assert unreadable(folder, f"trio-certificate = a.test = {file(folder, 'cert', 0o644)}, {key}") == [key]
    assert unreadable(folder, f"https-socket = :8443,{file(folder, 'cert', 0o644)},{key},,!{key}") == [key, key]


def test_one_that_the_user_may_read(folder: Path) -> None:
    assert unreadable(folder, f"trio-keyfile = {file(folder, 'key', 0o644)}") == []
    assert unreadable(folder, f"trio-keyfile = {file(folder, 'key', 0o640)}", gid=os.getgid()) == []
    if os.getuid():
        assert unreadable(folder, f"trio-keyfile = {file(folder, 'key', 0o600)}", uid=os.getuid()) == []


def test_a_folder_that_the_user_may_not_pass(folder: Path) -> None:
    key = file(folder, "private/key", 0o644)
    assert unreadable(folder, f"trio-keyfile = {key}") == []
    (folder / "private").chmod(0o700)
    assert unreadable(folder, f"trio-keyfile = {key}") == [key]


@pytest.mark.parametrize("uid", ["0", "nobody-has-this-name"])
def test_where_it_cannot_be_told_or_root_goes_on_nothing_is_said(folder: Path, uid: str) -> None:
    assert unreadable(folder, f"trio-keyfile = {file(folder, 'key', 0o600)}", "trio-certfile = missing", uid=uid) == []

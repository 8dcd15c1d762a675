"""
The faults of an ini that drops root's rights: what the workers read themselves, as the user of `uid`.

uWSGI reads the certificates of an https-socket before it drops its rights. A worker reads them whenever it starts, and
so takes up renewed ones; and in a reload uWSGI itself has no more rights than that.
"""

import contextlib
import grp
import os
import pwd
from collections.abc import Callable, Iterator
from typing import NamedTuple

from trio_worker.check.configuration import Configuration
from trio_worker.check.findings import Finding, error
from trio_worker.options.setting import Setting

# Options whose value is the name of a file, or a list of them with something else before.
_FILES = ("trio-certfile", "trio-keyfile", "trio-ca-certs", "trio-certificate", "https-socket")

# Where a list of rights stands that the bits of the mode do not tell (acl(5)).
_ACL = "system.posix_acl_access"

_READ, _PASS = 0o4, 0o1


class User(NamedTuple):
    """The user that the workers run as, and his groups."""

    number: int
    groups: frozenset[int]


def _rights(ini: Configuration) -> Iterator[Finding]:
    user = _user(ini)
    for setting in (each for name in _FILES for each in ini.all(name) if each.resolved and user is not None):
        for path in _files(setting, ini.last("chdir") or ""):
            if user is not None and not _may_read(path, user):
                yield error(f"user {ini.last('uid')} may not read {path}, and workers do so at each start", setting)


def _user(ini: Configuration) -> User | None:
    """Return the user of `uid`, None where the rights stay what they are, or nobody has that name here."""
    name, group = ini.last("uid"), ini.last("gid") or "0"
    if name is None:
        return None
    try:
        gid = int(group) if group.isdecimal() else grp.getgrnam(group).gr_gid
        uid = int(name) if name.isdecimal() else pwd.getpwnam(name).pw_uid
    except KeyError:
        return None
    # A name brings the groups of its user along (uwsgi_as_root()).
    groups = [gid] if name.isdecimal() else os.getgrouplist(name, gid)
    return User(uid, frozenset(groups)) if uid else None


def _files(setting: Setting, directory: str) -> list[str]:
    names = setting.value.rpartition("=")[2].split(",")
    if setting.key == "https-socket":
        names = [*names[1:3], *(each.removeprefix("!") for each in names[4:5])]
    return [os.path.join(directory, each.strip()) for each in names if each.strip()]


def _may_read(path: str, user: User) -> bool:
    """Return False if a file is there, and neither its bits nor those of the folders above it let this user read it."""
    path = os.path.realpath(path)
    folders = [path[:place] or "/" for place, letter in enumerate(path) if letter == "/"]
    with contextlib.suppress(OSError):
        return _allows(path, _READ, user) and all(_allows(each, _PASS, user) for each in folders)
    return True


def _allows(path: str, right: int, user: User) -> bool:
    status = os.stat(path)
    if _ACL in os.listxattr(path):
        return True
    if status.st_uid == user.number:
        return bool(status.st_mode & right << 6)
    if status.st_gid in user.groups:
        return bool(status.st_mode & right << 3)
    return bool(status.st_mode & right)


RULES: tuple[Callable[[Configuration], Iterator[Finding]], ...] = (_rights,)
"""Every rule, in the order in which their findings are reported."""

"""The faults of an ini with which uWSGI itself does not start, or starts without what the line says."""

import grp
import os
import pwd
import re
import shutil
from collections.abc import Callable, Iterator

from trio_worker.check.binary import reads
from trio_worker.check.configuration import Configuration, prints_metrics
from trio_worker.check.findings import Finding, error, warning
from trio_worker.options import parse
from trio_worker.options.ini import IMMEDIATE_KEYS
from trio_worker.options.setting import SETTING_KEYS, Setting

# Seconds, of uWSGI's default too.
_MIN_LIFETIME = parse({}).min_worker_lifetime

_PLACEHOLDER = re.compile(r"[$@%]\(")
_FILE = re.compile(r"@\(([^()]*)\)")

_VARIABLE = re.compile(r"\$\(([^()]*)\)")

# The actions that uWSGI registers by uwsgi_register_hook() (core/hooks.c).
_ACTIONS = frozenset(
    (
        *("cd", "chdir", "mkdir", "putenv", "hostname", "mount", "umount", "exec", "safeexec", "exit", "print", "log"),
        *("chmod", "chown", "chown2", "sticky", "create", "creat", "unlink"),
        *("write", "writen", "append", "appendn", "writefifo", "spinningfifo"),
        *("call", "callret", "callint", "callintret", "rpc", "retryrpc", "alarm", "unix_signal", "ffi", "tcc"),
        *("wait_for_fs", "wait_for_file", "wait_for_dir", "wait_for_socket"),
    )
)

_FORMATS = {".json": "JSON", ".js": "JSON", ".xml": "XML", ".yaml": "YAML", ".yml": "YAML"}

# Files that uWSGI makes in a folder which has to be there.
_MADE_FILES = ("pidfile", "pidfile2", "safe-pidfile", "safe-pidfile2", "logto", "logto2", "daemonize", "daemonize2")
_FOLDERS = ("chdir", "chdir2", "spooler")


def _numbers(ini: Configuration) -> Iterator[Finding]:
    if 0 < ini.number("max-worker-lifetime", 0) <= ini.number("min-worker-lifetime", _MIN_LIFETIME):
        default = f"({_MIN_LIFETIME} by default)"
        for setting in ini.all("max-worker-lifetime")[-1:]:
            yield error(f"uWSGI does not start unless it exceeds min-worker-lifetime {default}", setting)
    if ini.number("processes", 1) <= ini.number("cheaper", 0):
        for setting in ini.all("cheaper")[-1:]:
            yield error("uWSGI does not start unless it is lower than processes", setting)


def _strict(ini: Configuration) -> Iterator[Finding]:
    if ini.is_on("strict") and not ini.has_plugin:
        for setting in ini.settings:
            if setting.key in ini.table.own and not ini.is_declared(setting.key):
                yield error("strict refuses it: only `plugin = trio` declares it", setting)


def _placeholders(ini: Configuration) -> Iterator[Finding]:
    options = {**ini.table.by_name, **ini.table.unrelated}
    for setting in ini.settings:
        name, equals, _ = setting.value.partition("=")
        if setting.key in SETTING_KEYS and not equals:
            yield error("uWSGI does not start without an equals sign in it", setting)
        elif setting.key in SETTING_KEYS - {"set"} and name in options:
            yield error(f"{name} is an option, so no placeholder: uWSGI does not start; take `set`", setting)
        elif setting.key in IMMEDIATE_KEYS and _PLACEHOLDER.search(setting.value):
            yield error("uWSGI reads this before placeholders have their values: write the value itself", setting)


def _sources(ini: Configuration) -> Iterator[Finding]:
    """Look for the files and commands that stand for values: @(file), @(exec://command), ini = exec://command."""
    for setting in ini.settings:
        for source in _FILE.findall(setting.value) or ([setting.value] if prints_metrics(setting) else []):
            if "://" not in source:
                yield error(f"uWSGI does not start: it cannot read {source}", setting)
            elif source.startswith("exec://") and not _is_command(source.removeprefix("exec://")):
                command = source.removeprefix("exec://").split()[0]
                # A shell runs it, with the PATH that uWSGI was started with.
                yield error(f"uWSGI does not find {command}: write its whole path", setting)


def _is_command(line: str) -> bool:
    # Other lines are for the shell.
    return re.fullmatch(r"[\w./ -]+", line) is None or not line.split() or shutil.which(line.split()[0]) is not None


def _folders(ini: Configuration) -> Iterator[Finding]:
    for setting in (each for name in _MADE_FILES for each in ini.all(name) if each.resolved):
        folder = os.path.dirname(setting.value)
        # A logger and a UDP address are no files.
        if folder and ":" not in setting.value and not os.path.isdir(folder):
            yield error(f"uWSGI does not start: there is no directory {folder}", setting)
    for setting in (each for name in _FOLDERS for each in ini.all(name) if each.resolved):
        if not os.path.isdir(_in_chdir(setting, ini)):
            yield error(f"uWSGI does not start: there is no directory {setting.value}", setting)
    for setting in (each for each in ini.all("home")[-1:] if each.resolved and not os.path.isdir(each.value)):
        yield error(f"Python does not start: there is no directory {setting.value}", setting)


def _in_chdir(setting: Setting, ini: Configuration) -> str:
    return (
        setting.value if setting.key in ("chdir", "spooler") else os.path.join(ini.last("chdir") or "", setting.value)
    )


def _environment(ini: Configuration) -> Iterator[Finding]:
    for setting in ini.settings:
        for name in _VARIABLE.findall(setting.value):
            yield warning(f"the environment here has no {name}: uWSGI would leave it as it stands", setting)


def _hooks(ini: Configuration) -> Iterator[Finding]:
    for setting in (each for each in ini.settings if _is_hook(each)):
        action, colon, _ = setting.value.removeprefix("!").partition(":")
        # A plugin may bring actions of its own.
        if not colon or (action not in _ACTIONS and not ini.plugins):
            yield error(f"a hook is action:arguments, and uWSGI has no action {action!r}: it ends there", setting)


def _is_hook(setting: Setting) -> bool:
    # hook-touch has a file before its action.
    return setting.key.startswith("hook-") and setting.key != "hook-touch" and setting.resolved


def _formats(ini: Configuration) -> Iterator[Finding]:
    first = {setting.file: setting for setting in reversed(ini.settings)}
    for file, setting in first.items():
        format_ = _FORMATS.get(os.path.splitext(file)[1], "")
        if format_ and not reads(format_):
            yield error(f"the uWSGI here was compiled without {format_}: it cannot read {file}", setting)


def _users(ini: Configuration) -> Iterator[Finding]:
    for name, look in (("uid", pwd.getpwnam), ("gid", grp.getgrnam)):
        for setting in (each for each in ini.all(name)[-1:] if each.resolved and not each.value.isdecimal()):
            try:
                look(setting.value)
            except KeyError:
                yield error(f"this machine has no {'user' if name == 'uid' else 'group'} {setting.value}", setting)


def _owners(ini: Configuration) -> Iterator[Finding]:
    """Look for the owners of UNIX sockets, which uWSGI ends without."""
    for setting in (each for each in ini.all("chown-socket")[-1:] if each.resolved):
        user, _, group = setting.value.partition(":")
        for name, look in ((user, pwd.getpwnam), (group, grp.getgrnam)):
            try:
                if name and not name.isdecimal():
                    look(name)
            except KeyError:
                yield error(f"this machine has no {'user' if look is pwd.getpwnam else 'group'} {name}", setting)


def _plugins(ini: Configuration) -> Iterator[Finding]:
    for setting in (each for each in ini.plugins if each.resolved):
        missing = ", ".join(ini.missing_plugins(setting))
        if not missing:
            continue
        if setting.key.startswith("need-"):
            yield error(f"uWSGI does not start: it finds no plugin {missing}", setting)
        elif "trio" in missing:
            build = "`trio-worker build-plugin` makes it, `plugin-dir` above this line says where it is"
            yield error(f"uWSGI finds no plugin {missing} and goes on without it: {build}", setting)
        else:
            yield warning(f"uWSGI finds no plugin {missing} and goes on without it", setting)


RULES: tuple[Callable[[Configuration], Iterator[Finding]], ...] = (
    _numbers,
    _strict,
    _placeholders,
    _sources,
    _environment,
    _hooks,
    _formats,
    _folders,
    _users,
    _owners,
    _plugins,
)
"""Every rule, in the order in which their findings are reported."""

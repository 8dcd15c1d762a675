"""
The faults of an ini that a Trio worker is to run under.

Each rule looks at the whole configuration and tells what it found. An error keeps the instance
from starting or from serving; a warning names what would not do what the ini says.
"""

import difflib
import enum
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from trio_worker.check.values import AppPlace, address_fault, app_fault, certificate_fault
from trio_worker.options import parse
from trio_worker.options.ini import SETTING_KEYS, Setting, Unread
from trio_worker.options.table import Meaning, OptionTable
from trio_worker.options.values import OFF, OptionError

SOCKET_KEYS = ("socket", "uwsgi-socket", "http-socket", "http11-socket", "https-socket")
APP_KEYS = ("module", "wsgi-file", "mount")

_PLUGIN_NAME = re.compile(r"(.*/)?trio(_plugin\.so)?")

_DECLARING_KEYS = (*SETTING_KEYS, "declare-option", "declare-option2")

# Prints the ini that declares the metrics of the workers.
_METRICS_COMMAND = re.compile(r"exec://(.*/)?trio-worker metrics")

# Seconds, of uWSGI's default too.
_MIN_LIFETIME = parse({}).min_worker_lifetime


class Level(enum.Enum):
    """The weight of a finding."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about an ini that its author should know."""

    level: Level
    message: str
    setting: Setting | None = None
    """Where it stands, None where something is missing."""


def error(message: str, setting: Setting | None = None) -> Finding:
    """A finding that keeps the instance from starting or from serving."""
    return Finding(Level.ERROR, message, setting)


def warning(message: str, setting: Setting | None = None) -> Finding:
    """A finding about something that does not do what the ini says."""
    return Finding(Level.WARNING, message, setting)


class Configuration:
    """The settings of an ini under the first name of each option."""

    def __init__(self, settings: list[Setting], table: OptionTable) -> None:
        self.settings = settings
        self.table = table
        self._by_name: dict[str, list[Setting]] = {}
        for setting in settings:
            self._by_name.setdefault(self.name(setting.key), []).append(setting)

    def name(self, key: str) -> str:
        """The name of the option that this key is an alias of."""
        option = self.table.by_name.get(key)
        return option.names[0] if option else key

    def all(self, name: str) -> list[Setting]:
        """Return every occurrence of an option."""
        return self._by_name.get(name, [])

    def last(self, name: str) -> str | None:
        """The value that counts where uWSGI keeps one."""
        found = self.all(name)
        return found[-1].value if found else None

    def is_on(self, name: str) -> bool:
        """Return True if a flag is set, as uwsgi_opt_true() sees it."""
        value = self.last(name)
        return value is not None and value.lower() not in OFF

    def number(self, name: str, default: int) -> int:
        """The value as a whole number, or the default where it is none."""
        value = self.last(name) or ""
        return int(value) if value.isdecimal() else default

    @property
    def has_plugin(self) -> bool:
        """True if the C plugin of this worker is loaded."""
        named = [*self.all("plugins"), *self.all("need-plugins")]
        return any(_PLUGIN_NAME.fullmatch(part.strip()) for each in named for part in each.value.split(","))

    @property
    def is_whole(self) -> bool:
        """True if every included file was read, so that a missing option is missing indeed."""
        return not any(setting.unread and not _prints_metrics(setting) for setting in self.settings)

    def is_placeholder(self, key: str) -> bool:
        """Return True if a key is declared as a placeholder or an option, or used as a placeholder."""
        declared = (each.value.partition("=")[0] for name in _DECLARING_KEYS for each in self.all(name))
        reference = re.compile(rf"%\([^)]*(?<![\w-]){re.escape(key)}(?![\w-])")
        return key in declared or any(reference.search(setting.raw) for setting in self.settings)


def _prints_metrics(setting: Setting) -> bool:
    return setting.key == "ini" and _METRICS_COMMAND.fullmatch(setting.value) is not None


def _includes(ini: Configuration) -> Iterator[Finding]:
    for setting in ini.settings:
        if setting.unread in (Unread.MISSING, Unread.CIRCLE):
            yield error(setting.unread.value, setting)
        elif setting.unread and not _prints_metrics(setting):
            yield warning(setting.unread.value, setting)


def _essentials(ini: Configuration) -> Iterator[Finding]:
    for name, why in (
        ("master", "without it nothing reloads or replaces the workers"),
        ("py-call-uwsgi-fork-hooks", "without it every worker dies at once on Python 3.13"),
        ("enable-threads", "without it an older uWSGI runs no Python thread"),
    ):
        if ini.is_whole and not ini.is_on(name):
            yield warning(f"`{name} = true` is missing: {why}")


def _override(ini: Configuration) -> Iterator[Finding]:
    found = ini.all("python-worker-override")
    if not found and ini.is_whole:
        yield error("`python-worker-override` is missing: uWSGI's own workers would run")
    for setting in found[-1:]:
        # opened in the worker, so behind chdir
        script = os.path.join(ini.last("chdir") or "", setting.value)
        if setting.resolved and not os.path.isfile(script):
            yield error(f"there is no file {script}: every worker would end at once", setting)


def _unknown_keys(ini: Configuration) -> Iterator[Finding]:
    table = ini.table
    known = {**table.by_name, **table.unrelated, **table.own}
    for setting in (each for each in ini.settings if each.key not in known):
        guess = _guess(setting.key, known)
        if setting.key.startswith("trio-"):
            yield error(f"there is no such option of this worker{guess}", setting)
        elif not ini.is_placeholder(setting.key):
            yield warning(f"uWSGI 2.0.31 has no such option{guess}", setting)


def _guess(key: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.8)
    return f": did you mean {close[0]}?" if close else ""


def _dead_options(ini: Configuration) -> Iterator[Finding]:
    dead = dict(ini.table.unsupported((setting.key for setting in ini.settings), plugin=ini.has_plugin))
    for setting in ini.settings:
        if setting.key not in dead or setting.value.lower() in OFF:
            continue
        option = dead[setting.key]
        if option.meaning is Meaning.WITH_PLUGIN:
            yield warning(f"needs `plugin = trio`: {option.hint}", setting)
        else:
            yield warning(f"dead under an override: {option.hint}", setting)


def _values(ini: Configuration) -> Iterator[Finding]:
    for setting in ini.settings:
        if not setting.resolved or (setting.key.startswith("trio-") and setting.key not in ini.table.own):
            continue
        try:
            parse({setting.key: setting.value})
        except OptionError as wrong:
            yield error(str(wrong).removeprefix(f"{setting.key} = "), setting)


def _combinations(ini: Configuration) -> Iterator[Finding]:
    for setting in (*ini.all("worker-exec"), *ini.all("worker-exec2")):
        yield error("it runs instead of the override", setting)
    is_lazy = ini.is_on("lazy-apps") or ini.is_on("lazy")
    if ini.is_on("py-call-uwsgi-fork-hooks") and not is_lazy:
        for setting in ini.all("mount")[:1]:
            crash = "uWSGI 2.0.31 crashes on a mount with py-call-uwsgi-fork-hooks"
            yield error(f"{crash}: add `lazy-apps = true`", setting)


def _refused_by_uwsgi(ini: Configuration) -> Iterator[Finding]:
    if 0 < ini.number("max-worker-lifetime", 0) <= ini.number("min-worker-lifetime", _MIN_LIFETIME):
        default = f"({_MIN_LIFETIME} by default)"
        for setting in ini.all("max-worker-lifetime")[-1:]:
            yield error(f"uWSGI does not start unless it exceeds min-worker-lifetime {default}", setting)
    if ini.number("processes", 1) <= ini.number("cheaper", 0):
        for setting in ini.all("cheaper")[-1:]:
            yield error("uWSGI does not start unless it is lower than processes", setting)
    if ini.is_on("strict") and not ini.has_plugin:
        own = (each for each in ini.settings if each.key in ini.table.own)
        for setting in (each for each in own if not ini.is_placeholder(each.key)):
            yield error("strict refuses it: only `plugin = trio` declares it", setting)


def _sockets(ini: Configuration) -> Iterator[Finding]:
    shared = len(ini.all("shared-socket")) + len(ini.all("undeferred-shared-socket"))
    directory = ini.last("chdir") or ""
    for setting in (each for name in SOCKET_KEYS for each in ini.all(name) if each.resolved):
        is_tls = setting.key == "https-socket"
        address = setting.value.partition(",")[0] if is_tls else setting.value
        fault = address_fault(address, shared, directory)
        if fault is None and is_tls:
            fault = certificate_fault(setting.value)
        if fault:
            yield error(fault, setting)


def _metrics(ini: Configuration) -> Iterator[Finding]:
    declares = any("name=trio." in each.value or _prints_metrics(each) for each in ini.settings)
    if ini.is_whole and not ini.has_plugin and not declares:
        yield warning("no trio. metric is declared: include trio_worker/metrics.ini or load the plugin")


def _app(ini: Configuration) -> Iterator[Finding]:
    named = [each for name in APP_KEYS for each in ini.all(name)]
    if not named and ini.is_whole:
        yield error("no app is named: module, wsgi-file or mount is missing")
    place = app_place(ini)
    for setting in (each for each in named if each.resolved):
        fault = _fault_of_app(setting, ini.last("callable"), place)
        # The module uwsgi exists inside of uWSGI only.
        if fault and "No module named 'uwsgi'" in fault:
            yield warning(f"the app can be loaded inside of uWSGI only: {fault}", setting)
        elif fault:
            yield error(fault, setting)


def _fault_of_app(setting: Setting, callable_: str | None, place: AppPlace) -> str | None:
    options = {"callable": callable_} if callable_ else {}
    if setting.key not in ("mount", "worker-mount"):
        return app_fault({**options, setting.key: setting.value}, {}, place)
    prefix, equals, target = setting.value.partition("=")
    return app_fault(options, {prefix: target}, place) if equals else "a mount is /prefix=module:app"


def app_place(ini: Configuration) -> AppPlace:
    """Return the place in which uWSGI would import the app."""
    environment = dict(each.value.split("=", 1) for each in ini.all("env") if "=" in each.value)
    paths = [each.value for each in ini.all("pythonpath")]
    return AppPlace(ini.last("chdir"), ini.last("home"), paths, environment)


RULES: tuple[Callable[[Configuration], Iterator[Finding]], ...] = (
    _includes,
    _override,
    _essentials,
    _unknown_keys,
    _dead_options,
    _values,
    _combinations,
    _refused_by_uwsgi,
    _sockets,
    _metrics,
    _app,
)
"""Every rule, in the order in which their findings are reported."""

"""The faults of an ini that stand in a single option: missing, unknown, dead, or with a value that nobody can use."""

import difflib
from collections.abc import Callable, Iterable, Iterator

from trio_worker.check.configuration import Configuration, prints_metrics
from trio_worker.check.findings import Finding, error, warning
from trio_worker.options import parse
from trio_worker.options.ini import Unread
from trio_worker.options.table import Meaning
from trio_worker.options.values import OFF, OptionError

# Seconds, of uWSGI's default too.
_MIN_LIFETIME = parse({}).min_worker_lifetime


def _includes(ini: Configuration) -> Iterator[Finding]:
    for setting in ini.settings:
        if setting.unread in (Unread.MISSING, Unread.CIRCLE):
            yield error(setting.unread.value, setting)
        elif setting.unread and not prints_metrics(setting):
            yield warning(setting.unread.value, setting)


def _essentials(ini: Configuration) -> Iterator[Finding]:
    for name, why in (
        ("master", "without it nothing reloads or replaces the workers"),
        ("py-call-uwsgi-fork-hooks", "without it every worker dies at once on Python 3.13"),
        ("enable-threads", "without it an older uWSGI runs no Python thread"),
    ):
        if ini.is_whole and not ini.is_on(name):
            yield warning(f"`{name} = true` is missing: {why}")


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


def _metrics(ini: Configuration) -> Iterator[Finding]:
    declares = any("name=trio." in each.value or prints_metrics(each) for each in ini.settings)
    if ini.is_whole and not ini.has_plugin and not declares:
        yield warning("no trio. metric is declared: include trio_worker/metrics.ini or load the plugin")


RULES: tuple[Callable[[Configuration], Iterator[Finding]], ...] = (
    _includes,
    _essentials,
    _unknown_keys,
    _dead_options,
    _values,
    _refused_by_uwsgi,
    _metrics,
)
"""Every rule, in the order in which their findings are reported."""

"""The faults of an ini that stand in a single option: missing, unknown, dead, or with a value that nobody can use."""

import difflib
import re
import sys
from collections.abc import Callable, Iterable, Iterator

from trio_worker.check.configuration import Configuration, prints_metrics
from trio_worker.check.findings import Finding, error, note, warning
from trio_worker.options import parse
from trio_worker.options.dead_rules import denies
from trio_worker.options.formats import YAML_END
from trio_worker.options.setting import Unread
from trio_worker.options.table import Meaning
from trio_worker.options.values import OFF, OptionError

# To uWSGI, whatever is not one of its words for no is yes.
_OFF_WITH_COMMENT = re.compile(r"(false|off|no)\s+[;#]", re.IGNORECASE)

# The first Python on which every worker dies without uWSGI's fork hooks.
_NEEDS_FORK_HOOKS = (3, 13)


def _section(ini: Configuration) -> Iterator[Finding]:
    if not ini.everything:
        yield error("nothing is read from it: a file needs the section [uwsgi], or the one that is asked for")


def _includes(ini: Configuration) -> Iterator[Finding]:
    for setting in ini.settings:
        if setting.refused:
            yield error(setting.refused, setting)
        elif setting.unread in (Unread.MISSING, Unread.CIRCLE):
            yield error(setting.unread.value, setting)
        elif setting.key == YAML_END:
            yield error("uWSGI without libyaml reads no further than to here: write a line for each value", setting)
        elif setting.unread and not prints_metrics(setting):
            yield warning(setting.unread.value, setting)


def _essentials(ini: Configuration) -> Iterator[Finding]:
    for name, why in (
        ("master", "without it nothing reloads or replaces the workers"),
        ("enable-threads", "without it an older uWSGI runs no Python thread"),
    ):
        if ini.is_whole and ini.has_workers and not ini.is_on(name):
            yield warning(f"`{name} = true` is missing: {why}")
    if ini.is_whole and ini.has_workers and not ini.is_on("py-call-uwsgi-fork-hooks"):
        missing = "`py-call-uwsgi-fork-hooks = true` is missing"
        if sys.version_info >= _NEEDS_FORK_HOOKS:
            yield error(f"{missing}: every worker dies at once on this Python")
        else:
            yield warning(f"{missing}: without it every worker dies at once on Python 3.13")


def _unknown_keys(ini: Configuration) -> Iterator[Finding]:
    table = ini.table
    known = {**table.by_name, **table.unrelated, **table.own}
    for setting in ini.settings:
        if setting.key in known or setting.key == YAML_END or ini.is_declared(setting.key):
            continue
        guess = _guess(setting.key, known)
        if setting.key.startswith("trio-"):
            yield error(f"there is no such option of this worker{guess}", setting)
        elif ini.is_on("strict"):
            yield error(f"strict refuses it: uWSGI has no such option{guess}", setting)
        elif not ini.is_placeholder(setting.key):
            # uWSGI takes up every key in silence, so only its likeness to an option tells a slip from a placeholder. A
            # plugin that we do not know may have options of its own.
            is_slip = bool(guess) and not ini.has_foreign_plugins
            yield (error if is_slip else warning)(f"uWSGI 2.0.31 has no such option{guess}", setting)


def _guess(key: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.8)
    return f": did you mean {close[0]}?" if close else ""


def _dead_options(ini: Configuration) -> Iterator[Finding]:
    if not ini.has_workers:
        return
    dead = dict(ini.table.unsupported((setting.key for setting in ini.settings), plugin=ini.has_plugin))
    accepted = {word for each in ini.all("trio-accept-dead-rules") for word in each.value.replace(",", " ").split()}
    for setting in ini.settings:
        if setting.key not in dead or setting.value.lower() in OFF:
            continue
        option = dead[setting.key]
        if option.meaning is Meaning.WITH_PLUGIN:
            yield warning(f"needs `plugin = trio`: {option.hint}", setting)
        elif not denies(setting.key, setting.value):
            yield warning(f"dead under an override: {option.hint}", setting)
        elif setting.key in accepted:
            yield note("denies nothing here, which `trio-accept-dead-rules` accepts", setting)
        else:
            accept = f"`trio-accept-dead-rules = {setting.key}` says that you know"
            yield error(f"denies nothing under an override, so it fails open: {option.hint}; {accept}", setting)


def _comments(ini: Configuration) -> Iterator[Finding]:
    for setting in ini.settings:
        if _OFF_WITH_COMMENT.match(setting.value):
            yield error("there are no comments behind a value: this is on", setting)


def _values(ini: Configuration) -> Iterator[Finding]:
    for setting in ini.settings:
        if not setting.resolved or (setting.key.startswith("trio-") and setting.key not in ini.table.own):
            continue
        try:
            parse({setting.key: setting.value})
        except OptionError as wrong:
            yield error(str(wrong).removeprefix(f"{setting.key} = "), setting)


def _metrics(ini: Configuration) -> Iterator[Finding]:
    declares = any("name=trio." in each.value or prints_metrics(each) for each in ini.settings)
    if ini.is_whole and ini.has_workers and not ini.has_plugin and not declares:
        yield warning("no trio. metric is declared: include trio_worker/metrics.ini or load the plugin")
    gauges = [each for each in ini.settings if "name=trio.worker." in each.value and ".in_flight" in each.value]
    if gauges and not ini.has_plugin and len(gauges) < ini.number("processes", 1):
        count = f"the gauges of {len(gauges)} workers are declared, and there are {ini.number('processes', 1)}"
        yield warning(f"{count}: `ini = exec://trio-worker metrics` declares as many as there are", gauges[0])


RULES: tuple[Callable[[Configuration], Iterator[Finding]], ...] = (
    _section,
    _includes,
    _essentials,
    _unknown_keys,
    _dead_options,
    _comments,
    _values,
    _metrics,
)
"""Every rule, in the order in which their findings are reported."""

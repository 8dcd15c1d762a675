"""`trio-worker check uwsgi.ini`: what each line of an ini means to a Trio worker, before it is started.

The ini is read as uWSGI reads it (ini.py), each key is looked up in the option table, and the
rules of rules/ look for what would not work. The app is loaded once, in an interpreter of
its own; no socket is bound and nothing is started.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from typing import TextIO

from trio_worker.check import trial
from trio_worker.check.binary import has_libyaml
from trio_worker.check.configuration import Configuration
from trio_worker.check.findings import Finding, Level
from trio_worker.check.rules import RULES
from trio_worker.options import ini
from trio_worker.options import table as option_table
from trio_worker.options.formats import FormatError
from trio_worker.options.setting import Setting

__all__ = ["Finding", "Level", "check", "main"]

OWN = "this worker's own"
UNRELATED = "not about workers"
PLACEHOLDER = "placeholder"
UNKNOWN = "unknown"
NOT_ENTERED = "does not count"


def check(path: str) -> list[Finding]:
    """
    Find everything that is wrong with an ini file, in the order of its lines.

    `path` may name a section behind a colon. Relative names in the ini count from the working
    directory, as in uWSGI. Loading the app runs its code.

    Raises OSError where the file cannot be read, FormatError where it is not what its name promises.
    """
    return _findings(Configuration(ini.read(path, has_libyaml()), option_table.load()))


def main(path: str, out: TextIO, start_app: bool = False, is_strict: bool = False) -> int:
    """
    Print what each key of an ini means, then what is wrong with it.

    Args:
        path: see `check`.
        out: where to.
        start_app: start the app too.
        is_strict: take warnings for errors.

    Returns the exit status: 1 where there is an error, 0 otherwise.
    """
    try:
        settings = ini.read(path, has_libyaml())
    except OSError as error:
        print(f"error: {path}: {error.strerror}", file=out)
        return 1
    except FormatError as error:
        print(f"error: {path}: {error}", file=out)
        return 1
    configuration = Configuration(settings, option_table.load())
    findings = _findings(configuration)
    if start_app and not _count(findings, Level.ERROR):
        findings += _start(configuration)
    if is_strict:
        findings = [_as_error(each) if each.level is Level.WARNING else each for each in findings]
    for line in (*_listing(configuration), *_report(findings)):
        print(line, file=out)
    return 1 if _count(findings, Level.ERROR) else 0


def _as_error(finding: Finding) -> Finding:
    return replace(finding, level=Level.ERROR)


def _start(configuration: Configuration) -> list[Finding]:
    try:
        trial.try_app(configuration, None)
    except trial.TrialError as error:
        return [Finding(Level.ERROR, str(error))]
    return []


def _findings(configuration: Configuration) -> list[Finding]:
    place = {id(setting): number for number, setting in enumerate(configuration.settings)}
    found = [finding for rule in RULES for finding in rule(configuration)]
    return sorted(found, key=lambda finding: place.get(id(finding.setting), len(place)))


def _listing(configuration: Configuration) -> Iterator[str]:
    width = max((len(setting.key) for setting in configuration.everything), default=0)
    file = None
    lines = groupby(configuration.everything, key=lambda each: (each.file, each.key, each.entered))
    for (its_file, key, is_entered), run in lines:
        if its_file != file:
            file = its_file
            yield f"{file}:"
        meaning, note = (
            _meaning(key, configuration) if is_entered else (NOT_ENTERED, "uWSGI does not enter this block here")
        )
        yield f"{_lines(list(run)):>9}  {key:{width}}  {meaning:24}  {note}".rstrip()


def _lines(run: list[Setting]) -> str:
    first, last = run[0].line, run[-1].line
    return str(first) if first == last else f"{first}-{last}"


def _meaning(key: str, configuration: Configuration) -> tuple[str, str]:
    table = configuration.table
    if option := table.by_name.get(key):
        return option.meaning.value, option.hint
    if key in table.own:
        return OWN, table.own[key]
    if key in table.unrelated:
        return UNRELATED, table.unrelated[key]
    return (PLACEHOLDER if configuration.is_placeholder(key) else UNKNOWN), ""


def _report(findings: list[Finding]) -> Iterator[str]:
    yield ""
    for finding in findings:
        yield f"{finding.level.value}: {_where(finding.setting)}{finding.message}"
    yield f"errors: {_count(findings, Level.ERROR)}, warnings: {_count(findings, Level.WARNING)}"


def _where(setting: Setting | None) -> str:
    return f"{setting.file}:{setting.line}: {setting.key}: " if setting else ""


def _count(findings: list[Finding], level: Level) -> int:
    return sum(finding.level is level for finding in findings)

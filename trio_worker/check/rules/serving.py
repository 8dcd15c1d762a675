"""The faults of an ini that keep its workers from serving: no override, no app, an address that cannot be bound."""

import os
import re
import shutil
from collections.abc import Callable, Iterator

from trio_worker.check.configuration import Configuration, app_place
from trio_worker.check.findings import Finding, error, warning
from trio_worker.check.values import AppPlace, address_fault, app_fault, certificate_fault
from trio_worker.options.ini import Setting

SOCKET_KEYS = ("socket", "uwsgi-socket", "http-socket", "http11-socket", "https-socket")
APP_KEYS = ("module", "wsgi-file", "mount")


# uWSGI has a shell run it, with the PATH that it was started with.
_COMMAND = re.compile(r"@\(exec://(?P<name>[^\s'\")]+)[^)]*\)")


def _override(ini: Configuration) -> Iterator[Finding]:
    found = ini.all("python-worker-override")
    if not found and ini.is_whole:
        yield error("`python-worker-override` is missing: uWSGI's own workers would run")
    for setting in found[-1:]:
        # opened in the worker, so behind chdir
        script = os.path.join(ini.last("chdir") or "", setting.value)
        if setting.resolved and not os.path.isfile(script):
            yield error(f"there is no file {script}: every worker would end at once", setting)
        command = _COMMAND.fullmatch(setting.value)
        if command and not shutil.which(command["name"]):
            yield error(f"uWSGI does not find {command['name']}: write its whole path", setting)


def _combinations(ini: Configuration) -> Iterator[Finding]:
    for setting in (*ini.all("worker-exec"), *ini.all("worker-exec2")):
        yield error("it runs instead of the override", setting)
    is_lazy = ini.is_on("lazy-apps") or ini.is_on("lazy")
    if ini.is_on("py-call-uwsgi-fork-hooks") and not is_lazy:
        for setting in ini.all("mount")[:1]:
            crash = "uWSGI 2.0.31 crashes on a mount with py-call-uwsgi-fork-hooks"
            yield error(f"{crash}: add `lazy-apps = true`", setting)


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


RULES: tuple[Callable[[Configuration], Iterator[Finding]], ...] = (_override, _combinations, _sockets, _app)
"""Every rule, in the order in which their findings are reported."""

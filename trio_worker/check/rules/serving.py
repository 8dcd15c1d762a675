"""The faults of an ini that keep its workers from serving: no override, no app, an address that cannot be bound."""

import os
import socket
from collections.abc import Callable, Iterator

from trio_worker.check.configuration import Configuration, app_place
from trio_worker.check.findings import Finding, error, note, warning
from trio_worker.check.values import AppPlace, address_fault, app_fault, certificate_fault, import_fault
from trio_worker.options.setting import Setting
from trio_worker.options.values import without_comment

SOCKET_KEYS = ("socket", "uwsgi-socket", "http-socket", "http11-socket", "https-socket")
APP_KEYS = ("module", "wsgi-file", "mount")


def _override(ini: Configuration) -> Iterator[Finding]:
    found = ini.all("python-worker-override")
    if not ini.has_workers:
        yield note("this instance has no Trio worker: it is an Emperor, a router, or a pool of sockets")
    elif not found and ini.is_whole:
        yield error("`python-worker-override` is missing: uWSGI's own workers would run")
    for setting in found[-1:]:
        # opened in the worker, so behind chdir
        script = os.path.join(ini.last("chdir") or "", setting.value)
        if setting.resolved and not os.path.isfile(script):
            yield error(f"there is no file {script}: every worker would end at once", setting)


def _combinations(ini: Configuration) -> Iterator[Finding]:
    for setting in (*ini.all("worker-exec"), *ini.all("worker-exec2")):
        yield error("it runs instead of the override", setting)
    is_lazy = ini.is_on("lazy-apps") or ini.is_on("lazy")
    if ini.is_on("py-call-uwsgi-fork-hooks") and not is_lazy:
        for setting in ini.all("mount")[:1]:
            crash = "uWSGI 2.0.31 crashes on a mount with py-call-uwsgi-fork-hooks"
            yield error(f"{crash}: add `lazy-apps = true`", setting)


def _mules(ini: Configuration) -> Iterator[Finding]:
    if ini.is_on("py-call-uwsgi-fork-hooks") and not ini.has_plugin:
        for setting in (*ini.all("mules"), *ini.all("mule")):
            fault = "with py-call-uwsgi-fork-hooks a mule of uWSGI 2.0.31 crashes again and again"
            yield error(f"{fault}: `plugin = trio` mends it; a spooler and `attach-daemon` need nothing", setting)


def _sockets(ini: Configuration) -> Iterator[Finding]:
    shared = len(ini.all("shared-socket")) + len(ini.all("undeferred-shared-socket"))
    directory = ini.last("chdir") or ""
    for setting in (each for name in SOCKET_KEYS for each in ini.all(name) if each.resolved):
        is_tls = setting.key == "https-socket"
        address = setting.value.partition(",")[0] if is_tls else setting.value
        if ":" in address:
            address = without_comment(address)  # atoi() reads the port.
        fault = address_fault(address, shared, directory) or _fault_of_host(address)
        if fault is None and is_tls:
            fault = certificate_fault(setting.value)
        if fault:
            yield error(fault, setting)
        elif address.isdecimal():
            yield warning(f"a UNIX socket in a file of that name: a TCP port is :{address}", setting)


def _fault_of_host(address: str) -> str | None:
    """Return the reason why a name is no host: uWSGI would bind 255.255.255.255, and nobody could reach it."""
    host, colon, _ = address.rpartition(":")
    if not colon or not host or host[0] in "=@[" or "/" in host or host == "fd":
        return None
    if "*" in host:  # The first address of this machine that begins so (generate_socket_name).
        return None
    try:
        socket.gethostbyname(host)
    except OSError:
        return f"this machine knows no host {host}"
    return None


def _status(ini: Configuration) -> Iterator[Finding]:
    sockets = [each for name in SOCKET_KEYS for each in ini.all(name)]
    # The address of a socket that is shared, or bound by another program, is not known here.
    if not ini.is_whole or any(each.value.startswith(("=", "fd:")) or not each.resolved for each in sockets):
        return
    bound = {_numeric(each.value.partition(",")[0]) for each in sockets}
    for setting in ini.all("trio-status")[-1:]:
        if setting.value and setting.resolved and _numeric(setting.value) not in bound:
            yield error("no socket of this ini has that address: `http-socket` with the same one binds it", setting)


def _numeric(address: str) -> str:
    """Return an address of TCP with its host as a number, where that is known without asking anybody."""
    host, colon, port = address.strip().rpartition(":")
    known = {"": "0.0.0.0", "localhost": "127.0.0.1"}
    return f"{known.get(host, host)}:{port}" if colon and port.isdecimal() else address.strip()


# Options that bring a listening socket, besides those that name one.
_BRINGING = ("http", "http-to-https", "https", "https2", "zerg", "map-socket", "emperor", "zergpool")


def _no_socket(ini: Configuration) -> Iterator[Finding]:
    # By the variable, systemd says that it hands sockets over (sd_listen_fds(3)).
    has_socket = "LISTEN_FDS" in os.environ or any(map(ini.all, (*SOCKET_KEYS, *_BRINGING)))
    if ini.is_whole and ini.has_workers and not has_socket:
        yield warning("no socket is named: uWSGI ends at once, unless systemd or the Emperor hands one over")


def _http_router(ini: Configuration) -> Iterator[Finding]:
    for setting in (*ini.all("http"), *ini.all("https"))[:1]:
        if not ini.is_on("http-websockets"):
            instead = (
                "with `http-websockets = true` it does; with `http-socket` in its place workers speak HTTP themselves"
            )
            yield warning(f"this router passes no WebSocket on: {instead}", setting)


def _app(ini: Configuration) -> Iterator[Finding]:
    named = [each for name in APP_KEYS for each in ini.all(name)]
    if not named and ini.is_whole and ini.has_workers:
        yield error("no app is named: module, wsgi-file or mount is missing")
    place = app_place(ini)
    if place.directory and not os.path.isdir(place.directory):
        return
    for setting in (each for each in named if each.resolved):
        yield from _finding_of_app(setting, _fault_of_app(setting, ini.last("callable"), place))
    if not ini.is_on("lazy-apps") and not ini.is_on("lazy"):
        for setting in (each for each in ini.all("import") if each.resolved):
            fault = import_fault(setting.value, place)
            yield from _finding_of_app(setting, fault and f"uWSGI goes on without it: {fault}")


def _finding_of_app(setting: Setting, fault: str | None) -> Iterator[Finding]:
    # The module uwsgi exists inside of uWSGI only.
    if fault and "No module named 'uwsgi'" in fault:
        yield warning(f"it can be loaded inside of uWSGI only: {fault}", setting)
    elif fault:
        yield error(fault, setting)


def _fault_of_app(setting: Setting, callable_: str | None, place: AppPlace) -> str | None:
    options = {"callable": callable_} if callable_ else {}
    if setting.key not in ("mount", "worker-mount"):
        return app_fault({**options, setting.key: setting.value}, {}, place)
    prefix, equals, target = setting.value.partition("=")
    return app_fault(options, {prefix: target}, place) if equals else "a mount is /prefix=module:app"


RULES: tuple[Callable[[Configuration], Iterator[Finding]], ...] = (
    _override,
    _combinations,
    _mules,
    _sockets,
    _status,
    _no_socket,
    _http_router,
    _app,
)
"""Every rule, in the order in which their findings are reported."""

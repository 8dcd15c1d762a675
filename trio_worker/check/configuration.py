"""A configuration as the rules of the check look at it: each setting under the first name of its option."""

import functools
import os
import re

from trio_worker.check.binary import plugin_directory
from trio_worker.check.values import AppPlace
from trio_worker.options.formats import YAML_END
from trio_worker.options.setting import SETTING_KEYS, Setting
from trio_worker.options.table import OptionTable
from trio_worker.options.values import OFF, without_comment

_PLUGIN_NAME = re.compile(r"(.*/)?trio(_plugin\.so)?")

# Python's, as Debian names it: its options stand in the table.
_KNOWN_PLUGINS = frozenset({"python", "python3", "http", "corerouter", "fastrouter", "syslog", "router_static"})

_DECLARING_KEYS = (*SETTING_KEYS, "declare-option", "declare-option2")

# Prints the ini that declares the metrics of the workers.
_METRICS_COMMAND = re.compile(r"exec://((.*/)?trio-worker|\S+ -m trio_worker) metrics( --workers[ =]\d+)?")

# Options of an instance that may have no worker of ours: an Emperor, a router, a pool of sockets.
_OTHER_ROLES = (
    *("emperor", "early-emperor", "zergpool", "fastrouter", "rawrouter", "sslrouter", "sslrouter2"),
    *("http", "http-to-https", "https", "https2", "http-subscription-server", "fastrouter-subscription-server"),
)
_WORKER_KEYS = ("python-worker-override", "module", "wsgi-file", "mount", "socket", "http-socket", "http11-socket")


class Configuration:
    """The settings of a configuration that count on this machine.

    Args:
        settings: all of them, those of blocks that uWSGI does not enter too.
        table: every option that there is.
    """

    def __init__(self, settings: list[Setting], table: OptionTable) -> None:
        self.everything = settings
        self.settings = [each for each in settings if each.entered]
        self.table = table
        self._by_name: dict[str, list[Setting]] = {}
        for setting in self.settings:
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
        value = without_comment(self.last(name) or "")
        return int(value) if value.isdecimal() else default

    @property
    def has_plugin(self) -> bool:
        """True if the C plugin of this worker is loaded."""
        return any(map(_PLUGIN_NAME.fullmatch, self._plugin_names))

    @property
    def has_foreign_plugins(self) -> bool:
        """True if plugins are loaded of whose options the table knows nothing."""
        return any(not _PLUGIN_NAME.fullmatch(each) and each not in _KNOWN_PLUGINS for each in self._plugin_names)

    @property
    def _plugin_names(self) -> list[str]:
        return [part.strip() for each in self.plugins for part in each.value.split(",")]

    @property
    def plugins(self) -> list[Setting]:
        """Every line that loads plugins."""
        return [*self.all("plugins"), *self.all("need-plugins")]

    @property
    def has_workers(self) -> bool:
        """False for an instance that has another task than to serve: an Emperor, a router, a pool of sockets."""
        return any(map(self.all, _WORKER_KEYS)) or not any(map(self.all, _OTHER_ROLES))

    @property
    def is_whole(self) -> bool:
        """True if every included file was read, so that a missing option is missing indeed."""
        return not any(each.key == YAML_END or (each.unread and not prints_metrics(each)) for each in self.settings)

    def is_declared(self, key: str) -> bool:
        """Return True if a key is declared as a placeholder or an option."""
        return key in (each.value.partition("=")[0] for name in _DECLARING_KEYS for each in self.all(name))

    def is_placeholder(self, key: str) -> bool:
        """Return True if a key is declared as a placeholder or an option, or used as a placeholder or a condition."""
        reference = re.compile(rf"%\([^)]*(?<![\w-]){re.escape(key)}(?![\w-])")
        return (
            self.is_declared(key)
            or key in self._conditions
            or any(reference.search(each.raw) for each in self.everything)
        )

    @functools.cached_property
    def _conditions(self) -> set[str]:
        asking = (each for each in self.everything if each.key in ("if-opt", "if-not-opt"))
        return {each.value.partition("=")[0] for each in asking}

    def missing_plugins(self, setting: Setting) -> list[str]:
        """Return the plugins of this line that uWSGI does not find: it looks into the folders of the lines above."""
        above = self.settings[: self.settings.index(setting)]
        folders = [each.value for each in above if each.key in ("plugin-dir", "plugins-dir")]
        names = [part.strip() for part in setting.value.split(",") if part.strip()]
        return [name for name in names if not _is_plugin(name, [*folders, plugin_directory()])]


def _is_plugin(name: str, folders: list[str]) -> bool:
    name = name.partition("|")[0].rpartition(":")[2]
    file = name if name.endswith("_plugin.so") else f"{name}_plugin.so"
    return os.path.exists(file) if "/" in file else any(os.path.exists(os.path.join(each, file)) for each in folders)


def prints_metrics(setting: Setting) -> bool:
    """Return True for the line that includes the declarations of the metrics."""
    return setting.key == "ini" and _METRICS_COMMAND.fullmatch(setting.value) is not None


def app_place(ini: Configuration) -> AppPlace:
    """Return the place in which uWSGI would import the app."""
    environment = dict(each.value.split("=", 1) for each in ini.all("env") if "=" in each.value)
    paths = [each.value for each in ini.all("pythonpath")]
    return AppPlace(ini.last("chdir"), ini.last("home"), paths, environment)

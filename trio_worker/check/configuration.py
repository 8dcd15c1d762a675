"""An ini as the rules of the check look at it: each setting under the first name of its option."""

import re

from trio_worker.check.values import AppPlace
from trio_worker.options.ini import SETTING_KEYS, Setting
from trio_worker.options.table import OptionTable
from trio_worker.options.values import OFF

_PLUGIN_NAME = re.compile(r"(.*/)?trio(_plugin\.so)?")

_DECLARING_KEYS = (*SETTING_KEYS, "declare-option", "declare-option2")

# Prints the ini that declares the metrics of the workers.
_METRICS_COMMAND = re.compile(r"exec://(.*/)?trio-worker metrics")


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
        return not any(setting.unread and not prints_metrics(setting) for setting in self.settings)

    def is_placeholder(self, key: str) -> bool:
        """Return True if a key is declared as a placeholder or an option, or used as a placeholder."""
        declared = (each.value.partition("=")[0] for name in _DECLARING_KEYS for each in self.all(name))
        reference = re.compile(rf"%\([^)]*(?<![\w-]){re.escape(key)}(?![\w-])")
        return key in declared or any(reference.search(setting.raw) for setting in self.settings)


def prints_metrics(setting: Setting) -> bool:
    """Return True for the line that includes the declarations of the metrics."""
    return setting.key == "ini" and _METRICS_COMMAND.fullmatch(setting.value) is not None


def app_place(ini: Configuration) -> AppPlace:
    """Return the place in which uWSGI would import the app."""
    environment = dict(each.value.split("=", 1) for each in ini.all("env") if "=" in each.value)
    paths = [each.value for each in ini.all("pythonpath")]
    return AppPlace(ini.last("chdir"), ini.last("home"), paths, environment)

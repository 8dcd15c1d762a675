"""The file of `trio-hypercorn-config` where our lanes serve: three of its keys mean something to them as well."""

import logging
import tomllib
from typing import Any, NamedTuple

from trio_worker.options import Options
from trio_worker.options.values import OptionError

log = logging.getLogger(__name__)

KEY = "trio-hypercorn-config"


class HypercornFile(NamedTuple):
    """The keys of a Hypercorn configuration that have an effect in every lane.

    Attributes:
        server_names: the hosts that are served; all of them where there are none.
        added_headers: an `alt-svc` for each of `alt_svc_headers`.
        root_path: where clients see the app.
    """

    server_names: tuple[str, ...] = ()
    added_headers: tuple[tuple[bytes, bytes], ...] = ()
    root_path: str = ""


def read(options: Options) -> HypercornFile:
    """Read the file of the ini, if it names one, and name the keys in it that have no effect in our lanes.

    Raises:
        OptionError: it cannot be used.
    """
    path = options.hypercorn_config
    if path is None:
        return HypercornFile()
    try:
        with open(path, "rb") as file:
            given = tomllib.load(file)
    except (OSError, ValueError) as error:
        raise OptionError(KEY, path, f"a Hypercorn TOML file ({error})") from None
    names, services = _texts(path, given, "server_names"), _texts(path, given, "alt_svc_headers")
    if useless := sorted(given.keys() - {"server_names", "alt_svc_headers", "root_path"}):
        log.warning(
            "%s: without effect under trio-engine = express: %s",
            path,
            ", ".join(useless),
        )
    root_path = given.get("root_path", "")
    if not isinstance(root_path, str):
        raise OptionError(KEY, path, f"a text for root_path, not {root_path!r}")
    return HypercornFile(names, tuple((b"alt-svc", each.encode()) for each in services), root_path.rstrip("/"))


def _texts(path: str, given: dict[str, Any], key: str) -> tuple[str, ...]:
    value = given.get(key, [])
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise OptionError(KEY, path, f"a list of texts for {key}")
    return tuple(value)

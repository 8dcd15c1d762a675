"""Warnings at the start of an instance about its ini: what is missing in it, and what does nothing in a Trio worker.

The option table knows the keys. One worker speaks for all, once in the life of an instance, and when it already serves:
reading the table takes longer than clients should wait for.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from trio_worker.options import table as option_table
from trio_worker.options.dead_rules import denies
from trio_worker.options.raw import RawOptions, repeated, text
from trio_worker.options.table import Meaning, Option
from trio_worker.options.values import OFF, words
from trio_worker.transport.threads import in_thread

log = logging.getLogger(__name__)

ACCEPT = "trio-accept-dead-rules"
DENIES_NOTHING = "%s denies nothing in a Trio worker, what it has denied reaches the app: %s (if you know: `%s = %s`)"


# The options that every ini should have, and what becomes of one that does not. On Python 3.13 no worker lives to warn
# of missing fork hooks: early_signals.py does so in the master.
ESSENTIALS = {
    "master": "nothing reloads or replaces this worker",
    "py-call-uwsgi-fork-hooks": "every worker would die at once on Python 3.13",
}


def is_speaker(worker_id: int, workers: Sequence[Mapping[str, Any]]) -> bool:
    """Return True if this worker is the one that speaks: the first one, in its first life.

    Args:
        worker_id: uWSGI's number of this worker, from 1.
        workers: `uwsgi.workers()`.
    """
    return worker_id == 1 and workers[0]["respawn_count"] == 0


def warn_of_missing_options(raw: RawOptions) -> None:
    """Name what is missing, a line for each."""
    for key, why in ESSENTIALS.items():
        if key not in raw or text(raw[key]).lower() in OFF:
            log.warning("`%s = true` is missing: %s", key, why)


async def warn_of_dead_options(raw: RawOptions, has_plugin: bool) -> None:
    """Name the keys that cannot hold, a line for each, and those that only miss the plugin in one line."""
    table = await in_thread(option_table.load)
    keys = [key for key, value in raw.items() if text(value).lower() not in OFF]
    dead = table.unsupported(keys, plugin=has_plugin)
    accepted = {word for value in repeated(raw, ACCEPT) for word in words(ACCEPT, value)}
    for key, option in dead:
        if option.meaning is not Meaning.NOT_HERE:
            continue
        if not any(denies(key, value) for value in repeated(raw, key)):
            log.warning("%s does nothing in a Trio worker: %s", key, option.hint)
        elif key not in accepted:
            log.error(DENIES_NOTHING, key, option.hint, ACCEPT, key)
    missing = [_with_note(key, option) for key, option in dead if option.meaning is Meaning.WITH_PLUGIN]
    if missing:
        log.warning(
            "these options need the plugin (`trio-worker build-plugin`, then `plugin = trio`): %s", "; ".join(missing)
        )


def _with_note(key: str, option: Option) -> str:
    return f"{key} ({option.note})"

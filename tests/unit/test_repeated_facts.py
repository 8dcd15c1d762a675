"""What has to stand in two places says the same in both.

The option table is not read at the start of a worker, and C reads nothing of Python's: what is known twice for that
reason is compared here, and a difference is named.
"""

import re
from dataclasses import fields

from support.imports import PACKAGE

from trio_worker.check.rules import APP_KEYS, SOCKET_KEYS
from trio_worker.master.metrics import GAUGES, Counters
from trio_worker.options import Options
from trio_worker.options import table as option_table
from trio_worker.options.raw import ALIASES
from trio_worker.options.table import Meaning
from trio_worker.worker.drain import SUBSCRIPTIONS

TABLE = option_table.load()
KEYS = {each.metadata["key"] for each in fields(Options)}


def test_a_worker_knows_an_option_by_every_name() -> None:
    names = {name: key for key in KEYS & TABLE.by_name.keys() for name in TABLE.by_name[key].names}
    assert {name: ALIASES.get(name) for name in names.keys() - KEYS} == {
        name: names[name] for name in names.keys() - KEYS
    }


def test_the_options_of_subscriptions() -> None:
    table = [name for key in ("subscribe-to", "subscribe2") for name in TABLE.by_name[key].names]
    assert sorted(SUBSCRIPTIONS) == sorted(table)


def test_the_check_looks_at_every_kind_of_socket() -> None:
    sockets = {
        option.names[0]
        for row in TABLE.rows
        for option in row.options
        if row.topic == "sockets" and option.meaning is Meaning.HONOURED and option.names[0].endswith("socket")
    }
    assert set(SOCKET_KEYS) == sockets - {"map-socket"}


def test_the_check_looks_at_every_way_to_name_an_app() -> None:
    assert {TABLE.by_name[key].names[0] for key in ("module", "wsgi", "wsgi-file", "file", "mount")} == set(APP_KEYS)


def test_metrics_ini_declares_every_metric() -> None:
    declared = re.findall(r"^metric = name=trio\.(.+)", (PACKAGE / "metrics.ini").read_text(), re.MULTILINE)
    counters = [f"{name},type=counter" for name in Counters().totals()]
    # In a loop of uWSGI's over the numbers of workers.
    gauges = [f"worker.%(_).{name},type=gauge" for name in GAUGES]
    assert sorted(declared) == sorted(counters + gauges)


def test_the_plugin_declares_every_metric() -> None:
    text = (PACKAGE / "master" / "native" / "metrics.c").read_text()
    counters, gauges = (
        re.findall(r'"([^"]+)"', re.findall(rf"{kind}\[\] = \{{(.*?)\}};", text, re.DOTALL)[0])
        for kind in ("counters", "gauges")
    )
    assert sorted(counters) == sorted(Counters().totals())
    assert sorted(gauges) == sorted(GAUGES)

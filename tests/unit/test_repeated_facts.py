"""What has to stand in two places says the same in both.

The option table is not read at the start of a worker, and C reads nothing of Python's: what is known twice for that
reason is compared here, and a difference is named.
"""

import re
from dataclasses import fields

from support.imports import PACKAGE
from support.places import expect_everywhere

from trio_worker.check.rules.serving import APP_KEYS, SOCKET_KEYS
from trio_worker.master.metrics import GAUGES, Counters
from trio_worker.options import Options
from trio_worker.options import table as option_table
from trio_worker.options.raw import ALIASES
from trio_worker.options.table import Meaning
from trio_worker.worker.drain import SUBSCRIPTIONS

TABLE = option_table.load()
COUNTED = "master/metrics.py"
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


def test_every_metric_is_declared_everywhere() -> None:
    expect_everywhere("counter", {COUNTED: Counters().totals(), **_in_ini("counter"), **_in_c("counters")})
    expect_everywhere("gauge", {COUNTED: GAUGES, **_in_ini("gauge"), **_in_c("gauges")})


def _in_ini(kind: str) -> dict[str, list[str]]:
    # Gauges stand in a loop of uWSGI's over the numbers of workers.
    pattern = rf"^metric = name=trio\.(?:worker\.%\(_\)\.)?(.+),type={kind}$"
    return {"metrics.ini": re.findall(pattern, (PACKAGE / "metrics.ini").read_text(), re.MULTILINE)}


def _in_c(array: str) -> dict[str, list[str]]:
    text = (PACKAGE / "master" / "native" / "metrics.c").read_text()
    names = re.findall(rf"{array}\[\] = \{{(.*?)\}};", text, re.DOTALL)[0]
    return {"master/native/metrics.c": re.findall(r'"([^"]+)"', names)}

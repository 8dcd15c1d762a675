"""The option table against the uWSGI that is installed: nothing is missing, nothing stands twice."""

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from support.places import expect_everywhere

from trio_worker.master.native.build import SOURCES
from trio_worker.options import Options, own_defaults
from trio_worker.options import table as option_table
from trio_worker.options.table import Meaning

UWSGI = Path(sys.executable).with_name("uwsgi")

# Options that uWSGI compiles in only with PCRE, OpenSSL sessions, capabilities, jails or a JSON library.
OF_OTHER_BUILDS = re.compile(
    r"(final-|error-|response-)?route(-.+)?|routers?-list|if-(not-)?hostname-match|pcre-jit|sni-regexp"
    r"|log-(drain|filter|route|req-route|alarm)|alarm-log|not-(log-alarm|alarm-log)"
    r"|static-expires(-uri|-path-info)?(-mtime)?|static-gzip|ssl-sessions?-(use-cache|timeout)"
    r"|((emperor|vassals?)-)?cap|jail(2|-ip4|-ip6|-attach)?|jid-?file|libjail|json|js"
)

OPTIONS_OF_PLUGIN = SOURCES / "options.c"

TABLE = option_table.load()
KEYS = {each.metadata["key"] for each in fields(Options)}


@pytest.fixture(scope="module")
def options_of_uwsgi() -> set[str]:
    """What `uwsgi --help` prints."""
    done = subprocess.run([UWSGI, "--help"], capture_output=True, text=True, check=True, timeout=30)
    return set(re.findall(r"^\s+(?:-\w\|)?--(\S+)", done.stdout, re.MULTILINE))


def test_every_option_of_uwsgi_is_in_the_table_or_named_as_unrelated(options_of_uwsgi: set[str]) -> None:
    assert len(options_of_uwsgi) > 900
    assert options_of_uwsgi - TABLE.by_name.keys() - TABLE.unrelated.keys() == set()


def test_the_table_has_no_option_that_uwsgi_does_not_have(options_of_uwsgi: set[str]) -> None:
    missing = (TABLE.by_name.keys() | TABLE.unrelated.keys()) - options_of_uwsgi
    assert {name for name in missing if not OF_OTHER_BUILDS.fullmatch(name)} == set()


def test_no_option_stands_in_the_table_twice() -> None:
    names = [name for row in TABLE.rows for option in row.options for name in option.names]
    assert len(names) == len(set(names)) == len(TABLE.by_name)


def test_every_row_says_what_happens_and_a_dead_one_what_to_use_instead() -> None:
    for row in TABLE.rows:
        assert row.answer.note
        assert bool(row.answer.instead) == (row.answer.meaning is Meaning.NOT_HERE)


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("harakiri", Meaning.HONOURED),
        ("cheaper", Meaning.WITH_PLUGIN),
        ("touch-reload", Meaning.MASTERS_OWN),
        ("threads", Meaning.NOT_HERE),
    ],
)
def test_an_option_is_found_with_its_meaning(name: str, meaning: Meaning) -> None:
    assert TABLE.by_name[name].meaning is meaning


def test_aliases_are_one_option() -> None:
    assert TABLE.by_name["workers"] is TABLE.by_name["processes"]
    assert TABLE.by_name["virtualenv"].names == ("home", "virtualenv", "venv", "pyhome")


def test_siblings_share_an_answer_but_are_different_options() -> None:
    assert TABLE.by_name["max-requests"] is not TABLE.by_name["max-requests-delta"]
    assert TABLE.by_name["max-requests"].note == TABLE.by_name["max-requests-delta"].note


def test_unsupported_names_each_dead_key_once_in_the_order_of_the_keys() -> None:
    dead = TABLE.unsupported(["threads", "socket", "async", "threads", "no-such"], plugin=True)
    assert [key for key, _ in dead] == ["threads", "async"]
    assert dead[0][1].hint == "a worker is one event loop; instead: processes; trio.to_thread for blocking calls"


def test_what_needs_the_plugin_is_unsupported_without_it_only() -> None:
    assert [key for key, _ in TABLE.unsupported(["stats-server"], plugin=False)] == ["stats-server"]
    assert TABLE.unsupported(["stats-server"], plugin=True) == []


def test_the_worker_the_table_and_the_plugin_know_the_same_options_of_our_own() -> None:
    declared = re.findall(r'^\tVALUE\("([^"]+)"', OPTIONS_OF_PLUGIN.read_text(), re.MULTILINE)
    places = {
        "options/__init__.py": {key for key in KEYS if key.startswith("trio-")},
        "[own] of options/table.toml": TABLE.own,
        "master/native/options.c": {f"trio-{name}" for name in declared},
    }
    expect_everywhere("option", places)


def test_every_option_of_uwsgi_that_the_worker_reads_is_in_the_table() -> None:
    unknown = {key for key in KEYS if not key.startswith("trio-")} - TABLE.by_name.keys()
    assert not unknown, f"options/__init__.py reads {sorted(unknown)}, which are missing in options/table.toml"


def test_every_option_of_uwsgi_that_the_worker_reads_is_not_a_dead_one() -> None:
    dead = {key for key in KEYS & TABLE.by_name.keys() if TABLE.by_name[key].meaning is Meaning.NOT_HERE}
    assert dead == set()


def test_the_markdown_has_a_line_for_every_row() -> None:
    lines = TABLE.markdown().splitlines()
    assert "| `processes` = `workers` | master's own | forked and replaced by the master |" in lines
    assert sum(line.startswith("| `") for line in lines) == len(TABLE.rows)


def test_the_own_options_have_a_line_each_with_its_default() -> None:
    lines = TABLE.own_markdown(own_defaults()).splitlines()
    assert "| `trio-drain-linger` | 1 | seconds a draining worker still serves idle connections |" in lines
    assert sum(line.startswith("| `") for line in lines) == len(TABLE.own)


def test_an_option_that_stands_twice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = {
        "table.toml": {"own": {}, "workers": {"honoured": {"processes|workers, workers": "twice"}}},
        "unrelated.toml": {},
    }
    monkeypatch.setattr(option_table, "_toml", lambda name: tables[name])
    with pytest.raises(ValueError, match="option workers stands in the table twice"):
        option_table.load.__wrapped__()  # not the cached table

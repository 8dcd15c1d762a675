"""The reader of ini files: rule by rule, and against what uWSGI itself makes of the same file."""

import subprocess
import sys
from pathlib import Path

import pytest

from trio_worker.options import parse
from trio_worker.options.ini import Setting, Unread, read
from trio_worker.options.raw import repeated
from trio_worker.options.values import OptionError

UWSGI = Path(sys.executable).with_name("uwsgi")


def write(path: Path, *lines: str) -> str:
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def pairs(settings: list[Setting]) -> list[tuple[str, str]]:
    return [(setting.key, setting.value) for setting in settings]


def uwsgi_pairs(path: str, directory: Path) -> list[tuple[str, str]]:
    """What uWSGI makes of an ini: with no socket it prints the configuration and ends."""
    done = subprocess.run(
        [UWSGI, "--ini", path, "--show-config"],
        cwd=directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
    )
    _, _, shown = done.stderr.partition(";uWSGI instance configuration\n[uwsgi]\n")
    lines = [line.partition(" = ") for line in shown.partition("\n;end of configuration")[0].splitlines()]
    found = [(key, value) for key, _, value in lines]
    assert found[0] == ("ini", path)
    assert found[-1] == ("show-config", "true")
    return found[1:-1]


def test_a_setting_knows_its_file_and_line(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ini", "[uwsgi]", "", "  master =  true\t", "socket=:8080\r", "lazy-apps")
    assert [(s.key, s.value, s.file, s.line) for s in read(path)] == [
        ("master", "true", path, 3),
        ("socket", ":8080", path, 4),
        ("lazy-apps", "", path, 5),
    ]


def test_comments_stand_on_lines_of_their_own_only(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ini", "[uwsgi]", "; no", "# no", "  ;no = no", "a = b ; c", "d = e # f")
    assert pairs(read(path)) == [("a", "b ; c"), ("d", "e # f")]


def test_only_the_first_equals_sign_divides(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ini", "[uwsgi]", "mount = /a=pkg.mod:app")
    assert pairs(read(path)) == [("mount", "/a=pkg.mod:app")]


def test_the_section_is_uwsgi_unless_the_path_names_another(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ini", "[uwsgi]", "a = 1", "[production]", "b = 2", "[uwsgi]", "c = 3")
    assert pairs(read(path)) == [("a", "1"), ("c", "3")]
    assert pairs(read(f"{path}:production")) == [("b", "2")]


@pytest.mark.parametrize("key", ["ini", "include", "inherit"])
def test_an_included_file_is_read_where_it_stands(tmp_path: Path, key: str) -> None:
    other = write(tmp_path / "b.ini", "[uwsgi]", "b = 2")
    path = write(tmp_path / "a.ini", "[uwsgi]", "a = 1", f"{key} = %d/b.ini", "c = 3")
    settings = read(path)
    assert [each.key for each in settings] == ["a", key, "b", "c"]
    assert (Path(settings[2].file), settings[2].line) == (Path(other), 2)


def test_a_section_can_be_included(tmp_path: Path) -> None:
    other = write(tmp_path / "b.ini", "[deep]", "b = 2")
    path = write(tmp_path / "a.ini", "[uwsgi]", "ini = :more", f"ini = {other}:deep", "[more]", "m = %x")
    assert pairs(read(path)) == [("ini", ":more"), ("m", "more"), ("ini", f"{other}:deep"), ("b", "2")]


def test_included_names_count_from_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "conf").mkdir()
    write(tmp_path / "b.ini", "[uwsgi]", "b = 2")
    write(tmp_path / "conf" / "a.ini", "[uwsgi]", "ini = b.ini")
    monkeypatch.chdir(tmp_path)
    assert pairs(read("conf/a.ini")) == [("ini", "b.ini"), ("b", "2")]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("ini = %d/missing.ini", Unread.MISSING),
        ("ini = %d", Unread.MISSING),
        ("include = %d/a.ini:section", Unread.MISSING),
        ("ini = %d/a.ini", Unread.CIRCLE),
        ("include = more.yaml", Unread.NOT_INI),
        ("ini = %(base)/b.ini", Unread.MISSING),
        ("ini = @(exec://trio-worker path)", Unread.MISSING),
        ("inherit = %(base)/b.ini", Unread.UNRESOLVED),
        ("ini = %(_).ini", Unread.UNRESOLVED),
        ("ini = exec://printf", Unread.UNRESOLVED),
    ],
)
def test_a_file_that_is_not_read_says_why(tmp_path: Path, line: str, why: Unread) -> None:
    path = write(tmp_path / "a.ini", "[uwsgi]", line, "z = 1")
    first, last = read(path)
    assert first.unread is why
    assert last.key == "z"


def test_a_file_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read(str(tmp_path / "missing.ini"))


def test_placeholders_take_the_first_value_wherever_it_stands(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ini", "[uwsgi]", "a = %(b)/x", "b = 1", "b = 2", "c = y%(a)")
    settings = read(path)
    assert pairs(settings) == [("a", "1/x"), ("b", "1"), ("b", "2"), ("c", "y1/x")]
    assert settings[0].raw == "%(b)/x"


@pytest.mark.parametrize("key", ["set", "set-placeholder", "set-ph"])
def test_what_a_setting_sets_is_a_setting_too(tmp_path: Path, key: str) -> None:
    path = write(tmp_path / "a.ini", "[uwsgi]", f"{key} = port=8080", "socket = :%(port)")
    assert pairs(read(path)) == [(key, "port=8080"), ("port", "8080"), ("socket", ":8080")]
    assert [each.line for each in read(path)] == [2, 2, 3]


def test_the_environment_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIO_WORKER_PORT", "8081")
    path = write(tmp_path / "a.ini", "[uwsgi]", "socket = :$(TRIO_WORKER_PORT)", "env = A=$(TRIO_WORKER_NONE)")
    assert pairs(read(path)) == [("socket", ":8081"), ("env", "A=$(TRIO_WORKER_NONE)")]


@pytest.mark.parametrize("value", ["%(missing)", "%(a + 1)", "@(exec://x)", "$(TRIO_WORKER_NONE)", "%(_)", "%h.x%(y)"])
def test_what_depends_on_the_machine_is_left_as_it_stands(tmp_path: Path, value: str) -> None:
    (setting,) = read(write(tmp_path / "a.ini", "[uwsgi]", f"a = {value}"))
    assert setting.value == value
    assert not setting.resolved


def test_placeholders_in_a_circle_come_to_an_end(tmp_path: Path) -> None:
    settings = read(write(tmp_path / "a.ini", "[uwsgi]", "a = %(b)", "b = %(a)"))
    assert not settings[0].resolved


def test_blocks_are_read_as_if_they_were_entered(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.ini",
        "[uwsgi]",
        "if-not-exists = /x",
        "a = 1",
        "endif =",
        "b = 2",
        "for = 1 2",
        "metric = name=m.%(_)",
        "end-for =",
        "iface = eth0",
        "format = x",
    )
    assert [(s.key, s.conditional) for s in read(path)] == [
        ("a", True),
        ("b", False),
        ("metric", True),
        ("iface", False),
        ("format", False),
    ]


def test_what_a_block_includes_is_conditional(tmp_path: Path) -> None:
    write(tmp_path / "b.ini", "[uwsgi]", "b = 2")
    path = write(tmp_path / "a.ini", "[uwsgi]", "if-env = X", "ini = %d/b.ini", "endif =", "c = 3")
    assert [(s.key, s.conditional) for s in read(path)] == [("ini", True), ("b", True), ("c", False)]


def test_uwsgi_reads_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "conf.d").mkdir()
    write(tmp_path / "conf.d" / "other.ini", "[deep]", "own = %s %d %x", "first = %S %D", "late = %(base)")
    write(
        tmp_path / "conf.d" / "site.one.ini",
        "[elsewhere]",
        "not = read",
        "[uwsgi]",
        "; a comment",
        "base = /srv/%n",
        "set-placeholder = zone=%(base)/zone",
        "ini = :more",
        "magic = %o|%p|%s|%d|%n|%e|%c|%x|%v",
        "percent = 100%% of %Y, %and",
        "late = x%(zone)",
        "env = A=$(HOME)",
        "empty",
        "spaces\t=  a  b\t",
        "comment = b ; c",
        "ini = %dother.ini:deep",
        "[more]",
        "from = %x",
    )
    monkeypatch.chdir(tmp_path)
    expected = uwsgi_pairs("conf.d/site.one.ini", tmp_path)
    assert ("late", "x/srv/site.one/zone") in expected
    # uWSGI shows a placeholder as it was set, and replaces it where it is used
    shown = [pair for pair in pairs(read("conf.d/site.one.ini")) if pair[0] not in ("set-placeholder", "zone")]
    assert shown == [pair for pair in expected if pair[0] not in ("set-placeholder", "zone")]


@pytest.mark.parametrize(
    ("last", "expected"),
    [("10.0.0.2", ["10.0.0.1", "10.0.0.2"]), ("127.0.0.1", ["10.0.0.1", "10.0.0.2", "127.0.0.1"])],
)
def test_what_a_block_repeats_counts_only_where_it_was_entered(tmp_path: Path, last: str, expected: list[str]) -> None:
    block = ("if-env = X", "allow = 127.0.0.1", "endif =")
    path = write(tmp_path / "a.ini", "[uwsgi]", *block, "allow = 10.0.0.1", "allow = 10.0.0.2")
    assert repeated({"ini": str(path).encode(), "allow": last.encode()}, "allow") == expected


@pytest.mark.parametrize(("value", "expected"), [("y", True), ("", True), ("No", False), ("off", False), ("0", False)])
def test_flags_are_what_uwsgi_takes_them_for(value: str, expected: bool) -> None:
    assert parse({"disable-logging": value.encode()}).disable_logging is expected
    with pytest.raises(OptionError, match="true or false"):
        parse({"trio-quart-direct": b"y"})

"""The reader of ini files: rule by rule, and against what uWSGI itself makes of the same file."""

from pathlib import Path

import pytest
from support.settings import pairs, uwsgi_pairs, write

from trio_worker.options import parse
from trio_worker.options.ini import Unread, read
from trio_worker.options.values import OptionError


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


def test_what_is_inherited_comes_last(tmp_path: Path) -> None:
    write(tmp_path / "b.ini", "[uwsgi]", "b = %(name)")
    path = write(tmp_path / "a.ini", "[uwsgi]", "name = b", "inherit = %d%(name).ini", "c = 3")
    assert pairs(read(path))[2:] == [("c", "3"), ("b", "%(name)")]


@pytest.mark.parametrize("key", ["ini", "include"])
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
        ("include = more.yaml", Unread.MISSING),
        ("ini = %(base)/b.ini", Unread.MISSING),
        ("ini = @(exec://trio-worker path)", Unread.MISSING),
        ("inherit = %(base)/b.ini", Unread.MISSING),
        ("inherit = @(exec://printf b.ini)", Unread.UNRESOLVED),
        ("ini = %(_).ini", Unread.MISSING),
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


@pytest.mark.parametrize("value", ["@(exec://x)", "$(TRIO_WORKER_NONE)", "@(nowhere.txt)", "%j.@(exec://x)"])
def test_what_depends_on_the_machine_is_left_as_it_stands(tmp_path: Path, value: str) -> None:
    (setting,) = read(write(tmp_path / "a.ini", "[uwsgi]", f"a = {value}"))
    assert setting.value == value
    assert not setting.resolved


@pytest.mark.parametrize("value", ["%(missing)", "%(_)", "%(method) %%(uri)"])
def test_a_placeholder_of_no_setting_stays_as_it_stands(tmp_path: Path, value: str) -> None:
    (setting,) = read(write(tmp_path / "a.ini", "[uwsgi]", f"a = {value}"))
    assert setting.value == value.replace("%%", "%")
    assert setting.resolved


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("%(two + 1)", "3"),
        ("%(two ten)", "210"),
        ("%(two ten + 1)", "211"),
        ("%(ten / 4)", "2"),
        ("%(ten / 0)", "0"),
        ("%(two * ten - 5)x", "15x"),
        ("%(two ++)", "3"),
        ("%(no * 3)", "0"),
    ],
)
def test_a_placeholder_computes_from_left_to_right(tmp_path: Path, value: str, expected: str) -> None:
    settings = read(write(tmp_path / "a.ini", "[uwsgi]", "two = 2", "ten = 10", f"a = {value}"))
    assert settings[-1].value == expected


def test_a_file_stands_for_a_value(tmp_path: Path) -> None:
    (tmp_path / "name").write_text("x\n")
    (setting,) = read(write(tmp_path / "a.ini", "[uwsgi]", "a = @(%dname)/y"))
    assert setting.value == "x/y"


def test_what_uwsgi_reads_at_once_keeps_its_placeholders(tmp_path: Path) -> None:
    settings = read(write(tmp_path / "a.ini", "[uwsgi]", "n = 5", "listen = %(n)", "processes = %(n)"))
    assert pairs(settings)[1:] == [("listen", "%(n)"), ("processes", "5")]


def test_placeholders_in_a_circle_come_to_an_end(tmp_path: Path) -> None:
    assert len(read(write(tmp_path / "a.ini", "[uwsgi]", "a = %(b)", "b = %(a)"))) == 2


@pytest.mark.parametrize(
    ("lines", "refused"),
    [
        (("blacklist = a b", "a = 1", "end-blacklist = true", "b = 1"), ["a"]),
        (("whitelist = a end-whitelist", "a = 1", "b = 1", "end-whitelist = true", "c = 1"), ["b"]),
    ],
)
def test_what_a_list_forbids_ends_uwsgi(tmp_path: Path, lines: tuple[str, ...], refused: list[str]) -> None:
    settings = read(write(tmp_path / "a.ini", "[uwsgi]", *lines))
    assert [each.key for each in settings if each.refused] == refused


def test_an_option_of_the_files_own_is_what_it_stands_for(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ini", "[uwsgi]", "declare-option = site=socket=:$1;chdir=$2", "site = 8081 /srv")
    assert pairs(read(path))[1:] == [("site", "8081 /srv"), ("socket", ":8081"), ("chdir", "/srv")]


def test_uwsgi_reads_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "conf.d").mkdir()
    write(
        tmp_path / "conf.d" / "other.ini",
        "[uwsgi]",
        "inherited = %(four)",
        "[deep]",
        "own = %s %d %x",
        "first = %S %D",
        "late = %(base)",
    )
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
        "sum = %(four * 2)",
        "four = 4",
        "text = @(conf.d/text)",
        "machine = %h %U %0 %9.",
        "for = one two",
        "item = %(_)",
        "endfor =",
        "for-times = 2",
        "item = n%(_)",
        "endfor =",
        "if-dir = conf.d",
        "there = %(_)",
        "ini = :within",
        "endif =",
        "if-opt = four=5",
        "not-there = 1",
        "end =",
        "inherit = conf.d/%(last).ini",
        "last = other",
        "empty",
        "spaces\t=  a  b\t",
        "comment = b ; c",
        "ini = %dother.ini:deep",
        "[more]",
        "from = %x",
        "[within]",
        "endif =",
        "within = 1",
    )
    (tmp_path / "conf.d" / "text").write_text("t\n")
    monkeypatch.chdir(tmp_path)
    expected = uwsgi_pairs("conf.d/site.one.ini", tmp_path)
    assert ("late", "x/srv/site.one/zone") in expected
    # uWSGI shows a placeholder as it was set, and replaces it where it is used
    settings = [each for each in read("conf.d/site.one.ini") if each.entered]
    shown = [pair for pair in pairs(settings) if pair[0] not in ("set-placeholder", "zone")]
    assert shown == [pair for pair in expected if pair[0] not in ("set-placeholder", "zone")]


@pytest.mark.parametrize(("value", "expected"), [("y", True), ("", True), ("No", False), ("off", False), ("0", False)])
def test_flags_are_what_uwsgi_takes_them_for(value: str, expected: bool) -> None:
    assert parse({"disable-logging": value.encode()}).disable_logging is expected
    with pytest.raises(OptionError, match="true or false"):
        parse({"trio-quart-direct": b"y"})

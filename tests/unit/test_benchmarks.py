"""The benchmarks as far as they can be checked without a load: rows, command line, /proc, ratios, the docs' places."""

import re
import sys
from pathlib import Path
from subprocess import PIPE, Popen

import psutil
import pytest

from benchmarks.__main__ import NOT_BY_DEFAULT, SECTIONS, parse
from benchmarks.h2load import as_load
from benchmarks.load import Load
from benchmarks.processor import cpu_seconds, ticks
from benchmarks.rates import cost_table, rate_table
from benchmarks.report import BEGIN, END, Finding, Table, write_docs
from benchmarks.row_table import BY_NAME, ROWS, Row
from benchmarks.servers import USUAL, WORKER

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"


def _load(requests: int = 100, cpu_seconds: float = 0.0) -> Load:
    return Load(requests, 1.0, 0, 1.0, 2.0, 0, 0, 0, 0, 0, cpu_seconds)


def test_rows_have_names_of_their_own() -> None:
    assert len(BY_NAME) == len(ROWS)
    assert not BY_NAME.keys() & SECTIONS.keys()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_measures_ours_first_and_has_an_application_for_each_server(row: Row) -> None:
    servers = row.servers or USUAL
    assert servers[0] is WORKER
    assert [server.name for server in servers if server.flavour not in row.apps] == []


def test_without_words_everything_is_measured_once() -> None:
    arguments = parse([])
    assert arguments.sections == [name for name in SECTIONS if name not in NOT_BY_DEFAULT]
    assert arguments.rows == list(BY_NAME)


@pytest.mark.parametrize(
    ("words", "sections", "rows"),
    [
        ("hello", ["rows"], ["hello"]),
        ("cost hello", ["cost"], ["hello"]),
        ("websocket memory http2", ["rows", "memory"], ["websocket", "http2"]),
        ("rows --rounds 5", ["rows"], list(BY_NAME)),
    ],
)
def test_words_are_sections_or_rows(words: str, sections: list[str], rows: list[str]) -> None:
    arguments = parse(words.split())
    assert (arguments.sections, arguments.rows) == (sections, rows)


def test_another_word_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["helo"])
    assert "'helo' is none of" in capsys.readouterr().err


def test_quick_is_one_round() -> None:
    assert parse(["rows", "--quick"]).rounds == 1


def test_ticks_are_found_behind_a_name_with_blanks(tmp_path: Path) -> None:
    fields = ["S", *map(str, range(4, 14)), "250", "50", *map(str, range(16, 53))]
    (tmp_path / "stat").write_text(f"4711 (uWSGI worker) 1) {' '.join(fields)}\n")
    assert ticks(tmp_path) == 300


def test_processor_time_is_that_of_the_process() -> None:
    """Of a child that works and then waits; here, threads have ended and taken their share with them."""
    works = "sum(range(5_000_000)); print(flush=True); input()"
    with Popen([sys.executable, "-c", works], stdin=PIPE, stdout=PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        process = psutil.Process(child.pid)
        assert cpu_seconds([process]) == pytest.approx(sum(process.cpu_times()[:2]), abs=0.03)
        child.communicate(b"\n")


def test_a_ratio_is_the_median_of_the_rounds_own() -> None:
    loads = {"a": [_load(100), _load(300), _load(90)], "b": [_load(50), _load(100), _load(90)]}
    assert [row[4] for row in rate_table("", loads, "a").rows] == ["1.00x", "2.00x"]


def test_a_cost_is_processor_time_by_requests() -> None:
    loads = {"a": [_load(100, 0.01), _load(100, 0.004)], "b": [_load(100, 0.02), _load(100, 0.008)]}
    assert [row[1:4] for row in cost_table("", loads, "a").rows] == [
        ["40.0", "70.0", "1.00x"],
        ["80.0", "140.0", "0.50x"],
    ]


def test_what_h2load_logs_is_counted() -> None:
    log = ["17957 200 1000", "17958 204 3000", "17959 503 2000", "17960 -1 9000", "17961 0 77244"]
    load = as_load([line.split() for line in log], 2.0)
    assert (load.requests, load.failed, load.p50_ms, load.p99_ms) == (4, 2, 2.0, 3.0)
    assert load.per_second == 2


def test_every_section_has_its_place_in_the_documentation() -> None:
    places = re.findall(r"<!-- benchmarks:(\w+):begin -->\n", PAGE.read_text())
    assert sorted(places) == sorted(SECTIONS)
    assert all(END.format(name) in PAGE.read_text() for name in places)


def test_a_section_is_written_into_its_own_place(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    kept = f"{BEGIN.format('idle')}\nkept\n{END.format('idle')}\n"
    page.write_text(f"{kept}{BEGIN.format('rows')}\nold\n{END.format('rows')}\n")
    table = Table("Hello", ["server", "requests/s"])
    table.add("ours", "1")
    write_docs(page, [Finding("rows", [table], {})])
    assert kept in page.read_text()
    assert "| ours | 1 |" in page.read_text()
    assert "old" not in page.read_text()


def test_a_section_without_a_place_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing here")
    with pytest.raises(ValueError, match="benchmarks:rows:begin"):
        write_docs(page, [Finding("rows", [], {})])

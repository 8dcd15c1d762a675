"""The figures in memory: what is counted is what is read, and where there is no more room kinds become one."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from trio_worker.master.figures.counters import OTHER, FigureCounters
from trio_worker.master.figures.file import open_regions
from trio_worker.master.figures.region import RESERVED, ROUTE_BYTES, Kind, Region, count_words


def request(route: str, status: int = 200, micros: int = 700, sent: int = 5, came: int = 0) -> Any:
    rule = SimpleNamespace(url_rule=SimpleNamespace(rule=route))
    scope = {"method": "GET", "http_version": "1.1", "root_path": ""}
    intake = SimpleNamespace(size=came)
    ended = SimpleNamespace(scope=scope, status=status, micros=micros, sent=sent, asked=rule, intake=intake)
    ended.gone, ended.refusal = False, None
    return ended


def found(region: Region) -> dict[Kind, int]:
    counts = {each.kind: sum(each.durations.counts) for each in region.series()}
    return {kind: count for kind, count in counts.items() if count}


def memory(routes: int, reserve: Any = lambda place, count: None) -> Region:
    return Region(memoryview(bytearray(count_words(routes) * 8)).cast("Q"), reserve)


def test_a_request_is_read_as_it_was_counted() -> None:
    (region,) = open_regions(0, 1, 10)
    FigureCounters([region], 1, 10).add(request("/a", micros=30_000, sent=300, came=5000))
    (series,) = [each for each in region.series() if any(each.durations.counts)]
    assert series.kind == Kind("GET", "1.1", 2, "/a")
    assert (series.durations.counts.index(1), series.durations.sum) == (4, 30_000)
    assert (series.response_sizes.counts.index(1), series.response_sizes.sum) == (2, 300)
    assert (series.request_sizes.counts.index(1), series.request_sizes.sum) == (4, 5000)


def test_kinds_of_one_series_have_their_sums_in_common_and_a_successor_goes_on_with_them() -> None:
    region = memory(10)
    for _ in range(2):
        counters = FigureCounters([region], 1, 10)
        for status in (200, 201, 299, 200):
            counters.add(request("/a", status, micros=20_000, sent=70_000, came=30))
        counters.add(request("/a", micros=1_000, sent=4_096))
        counters.add(request("/a", micros=1_001, sent=4_097))
        counters.add(request("/a", sent=0))
    (series,) = [each for each in region.series() if any(each.durations.counts)]
    assert series.durations.sum == 2 * (4 * 20_000 + 1_000 + 1_001 + 700)
    assert series.response_sizes.sum == 2 * (4 * 70_000 + 4_096 + 4_097)
    assert series.request_sizes.sum == 2 * 4 * 30
    assert series.durations.counts[:4] == [4, 2, 0, 8]
    assert series.response_sizes.counts[:7] == [2, 0, 0, 2, 2, 0, 8]


def test_a_successor_goes_on_and_tells_uwsgi_of_its_own_alone() -> None:
    region = memory(10)
    FigureCounters([region], 1, 10).add(request("/a"))
    successor = FigureCounters([region], 1, 10)
    successor.add(request("/a", status=404))
    successor.add_refusal(400)
    totals = successor.totals()
    assert (totals["requests"], totals["responses.2xx"], totals["responses.4xx"]) == (2, 0, 2)
    assert (totals["bytes.out"], totals["request_time.le.1ms"]) == (5, 2)
    assert sum(found(region).values()) == 3


def test_routes_are_bounded_in_all_workers_together() -> None:
    regions = [memory(2), memory(2)]
    for number, routes in ((1, "ab"), (2, "bcd")):
        counters = FigureCounters(regions, number, 2)
        for route in routes:
            counters.add(request(f"/{route}"))
    assert {kind.route for region in regions for kind in found(region)} == {"/a", "/b", OTHER}


def test_without_room_kinds_become_one() -> None:
    def reserve(place: int, count: int) -> None:
        if place + count > RESERVED:
            raise OSError("no space left")

    region = memory(100, reserve)
    counters = FigureCounters([region], 1, 100)
    for number in range(20):
        counters.add(request(f"/{number}"))
    assert sum(found(region).values()) == 20
    assert found(region)[Kind(OTHER, "", 2, "")] >= 18


def test_a_long_route_is_cut_between_characters() -> None:
    region = memory(10)
    FigureCounters([region], 1, 10).add(request("/" + "ü" * 300))
    (kind,) = found(region)
    assert set(kind.route[1:]) == {"ü"}
    assert len(kind.route.encode()) <= ROUTE_BYTES


def test_the_file_is_its_owners_alone_and_takes_no_more_memory_than_it_needs() -> None:
    regions = open_regions(os.getpid(), 4, 100)
    (path,) = [entry for entry in os.scandir("/dev/shm") if f"-{os.getpid()}-" in entry.name]
    try:
        assert len(regions) == 4
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.stat().st_blocks * 512 < 4 * 32_768 < path.stat().st_size
    finally:
        os.unlink(path)


def test_a_file_that_anybody_has_named_like_ours_keeps_no_worker_from_starting() -> None:
    open_regions(os.getpid(), 1, 10)
    (ours,) = Path("/dev/shm").glob(f"trio-worker-{os.getuid()}-*-{os.getpid()}-*")
    theirs = ours.with_name(ours.name.replace(f"-{os.getpid()}-", "-\N{SUPERSCRIPT TWO}-"))
    try:
        theirs.touch()
        open_regions(os.getpid(), 1, 10)
        assert theirs.exists()
    finally:
        theirs.unlink()
        ours.unlink()

"""What the native plugin gives to a worker, seen from the master's side of a real uWSGI."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.native_uwsgi import ONE_REQUEST, SOCKET, UWSGI, Start, ask, eventually, uwsgis

from trio_worker.master.native.build import build
from trio_worker.options import table as option_table


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(UWSGI, tmp_path_factory.mktemp("plugin"))


@pytest.fixture
def start(plugin: Path) -> Iterator[Start]:
    with uwsgis(plugin) as start:
        yield start


def test_counts_reach_the_stats_server(start: Start) -> None:
    instance = start()
    counts = "requests=4, running_time=900, response_time=4000, tx=512, exceptions=2, read_errors=3"
    instance.run(f"served({counts}, write_errors=5, static_requests=6, harakiri=7, app=-1)")
    worker = eventually(lambda: (found := instance.worker())["requests"] == 4 and found)
    shown = {key: worker[key] for key in ("delta_requests", "running_time", "tx", "exceptions", "harakiri_count")}
    assert shown == {
        "delta_requests": 4,
        "running_time": 900,
        "tx": 512,
        "exceptions": 2,
        "harakiri_count": 7,
    }
    core = worker["cores"][0]
    assert [core[key] for key in ("requests", "read_errors", "write_errors", "static_requests")] == [
        4,
        3,
        5,
        6,
    ]


def test_the_average_moves_as_that_of_uwsgi_does(start: Start) -> None:
    instance = start()
    average = 0
    for response_time in (1000, 400, 7000):
        instance.run(f"served(requests=1, response_time={response_time}, app=-1)")
        average = (average + response_time) // 2
    assert instance.worker()["avg_rt"] == average
    instance.run("served(requests=3, response_time=3 * 1000, app=-1)")
    for _ in range(3):
        average = (average + 1000) // 2
    assert instance.worker()["avg_rt"] == pytest.approx(average, abs=1)


def test_totals_of_several_workers_are_exact(start: Start) -> None:
    instance = start(SOCKET + "processes = 3\nenable-metrics = true\n")
    for worker in (1, 2, 3):
        instance.run(f"[{ONE_REQUEST} for _ in range(1000)] and None", worker)
    eventually(lambda: instance.metric("worker.0.requests") == 3000)
    assert [instance.worker(number)["requests"] for number in (1, 2, 3)] == [1000] * 3


def test_requests_are_not_lost_with_a_worker_that_is_killed(start: Start) -> None:
    instance = start(SOCKET + "enable-metrics = true\n")
    instance.run("native.requests.__setitem__(0, 7)")
    os.kill(instance.worker()["pid"], signal.SIGKILL)
    eventually(lambda: instance.worker()["respawn_count"] == 2)
    assert instance.run("native.requests[0]") == 7
    eventually(lambda: instance.metric("worker.0.requests") == instance.worker()["requests"] == 7)


def test_requests_and_exceptions_of_an_app(start: Start) -> None:
    instance = start(SOCKET + "module = wsgiref.simple_server:demo_app\n")
    instance.run("served(requests=5, exceptions=2, app=0)")
    instance.run("served(requests=5, exceptions=2, app=1)")
    app = instance.worker()["apps"][0]
    assert (app["requests"], app["exceptions"]) == (5, 2)


def test_a_worker_is_busy_while_it_says_so(start: Start) -> None:
    instance = start()
    instance.run("native.in_request.__setitem__(0, 3)")
    assert instance.worker()["status"] == "busy"
    assert instance.run("uwsgi.workers()[0]['status'].decode()") == "busy"
    assert instance.worker()["cores"][0]["in_request"] == 3
    instance.run("native.in_request.__setitem__(0, 0)")
    assert instance.worker()["status"] == "idle"


def test_memory_is_measured_and_published(start: Start) -> None:
    instance = start()
    rss, vsz = instance.run("native.measure_memory()")
    worker = instance.worker()
    assert (worker["rss"], worker["vsz"]) == (rss, vsz)
    assert 5_000_000 < rss < vsz


def test_repeated_options_come_whole_and_in_order(start: Start) -> None:
    instance = start(SOCKET + "env = A=1\ntrio-uwsgi-allow = 10.0.0.1\nenv = B=2\ntrio-uwsgi-allow = ::1\n")
    options = instance.run("[(key, v if v is True else v.decode()) for key, v in native.options()]")
    assert ["master", "true"] in options
    repeated = [tuple(option) for option in options if option[0] in ("env", "trio-uwsgi-allow")]
    assert repeated == [
        ("env", "A=1"),
        ("trio-uwsgi-allow", "10.0.0.1"),
        ("env", "B=2"),
        ("trio-uwsgi-allow", "::1"),
    ]


def test_strict_and_help_know_the_options(start: Start, plugin: Path) -> None:
    instance = start(SOCKET + "strict = true\ntrio-engine = express\ntrio-date-header = false\n")
    assert instance.run("uwsgi.opt['trio-engine'].decode()") == "express"
    shown = subprocess.run([UWSGI, "--plugin", plugin, "--help"], capture_output=True, text=True, check=True)
    listed = {line.split()[0] for line in shown.stdout.splitlines() if line.startswith("    --trio-")}
    assert listed == {f"--{name}" for name in option_table.load().own}


def test_uwsgi_signals_arrive_and_run_their_handlers(start: Start) -> None:
    instance = start()
    assert len(set(instance.run("native.signal_descriptors()"))) == 2
    instance.run("uwsgi.signal(7)")
    # Until its master has passed it on there is nothing to read, which is an error.
    eventually(lambda: instance.run("os.read(native.signal_descriptors().shared, 1)[0]") == 7)
    assert instance.run("[native.run_signal(7), native.run_signal(8), ran]") == [True, False, [7]]
    assert instance.worker()["signals"] == 1


def test_end_of_file_on_the_own_descriptor_means_that_the_master_has_died(start: Start) -> None:
    instance = start()
    worker = instance.worker()["pid"]
    instance.run("None")
    instance.process.kill()
    instance.process.wait()
    try:
        assert instance.run("list(os.read(native.signal_descriptors().own, 1))") == []
    finally:
        os.kill(worker, signal.SIGKILL)
    eventually(lambda: not Path(f"/proc/{worker}").exists())


def test_without_a_master_there_are_no_signal_descriptors(start: Start) -> None:
    assert start(SOCKET + "master = false\nstats =\n").run("native.signal_descriptors()") is None


def test_accepting_runs_the_hooks_in_order_and_those_of_once_only_once(start: Start) -> None:
    hooks = ("hook-accepting", "hook-accepting-once", "hook-accepting1", "hook-accepting1-once")
    lines = "".join(f"{hook} = exec:echo {hook} >> hooks\n" for hook in hooks)
    instance = start(SOCKET + "processes = 2\n" + lines)
    assert instance.worker()["accepting"] == 0
    instance.run("native.accepting()")
    assert instance.worker()["accepting"] == 1
    assert instance.file("hooks").split() == list(hooks)
    instance.run("native.accepting()", worker=2)
    assert instance.file("hooks").split()[4:] == list(hooks[:2])
    os.kill(instance.worker()["pid"], signal.SIGHUP)
    eventually(lambda: instance.worker()["respawn_count"] == 2)
    instance.run("native.accepting()")
    assert instance.file("hooks").split()[6:] == ["hook-accepting", "hook-accepting1"]


def test_the_emperor_sees_its_vassal_ready_and_loyal(start: Start) -> None:
    (vassal := start(SOCKET, "--emperor", "*.ini", "--emperor-stats", "emperor")).run("None")

    def seen() -> list[bool]:
        [found] = ask(vassal.directory / "emperor")["vassals"]
        return [bool(found[key]) for key in ("accepting", "loyal")]

    assert eventually(seen) == [False, False]
    vassal.run("native.accepting()")
    eventually(lambda: seen() == [True, False])
    vassal.run(ONE_REQUEST)
    eventually(lambda: seen() == [True, True])
    vassal.run(ONE_REQUEST)
    assert vassal.log().count("announcing my loyalty") == 1


def test_an_emperor_that_has_gone_is_an_error(start: Start) -> None:
    vassal = start(SOCKET, "--emperor", "*.ini")
    # Only in this worker: its master would end the instance before the worker could notice.
    vassal.run("os.dup2(os.open('/dev/full', os.O_WRONLY), int(os.environ['UWSGI_EMPEROR_FD']))")
    assert vassal.run("native.accepting()") == "OSError(28, 'cannot tell the Emperor: No space left on device')"


def test_metrics_are_declared_without_an_ini(start: Start) -> None:
    instance = start(SOCKET + "processes = 2\nenable-metrics = true\n")
    names = {name for name in eventually(instance.stats)["metrics"] if name.startswith("trio.")}
    assert len(names) == 28 + 2 * 3
    assert {"trio.responses.5xx", "trio.request_time.le.2500ms", "trio.worker.2.loop_lag.us"} < names
    assert instance.run("uwsgi.metric_inc('trio.requests', 41) and uwsgi.metric_inc('trio.requests')")
    assert instance.metric("trio.requests") == 42


def test_an_ini_may_declare_our_metrics_as_well(start: Start) -> None:
    metrics = "metric = name=trio.requests,initial_value=5\nmetric = name=mine\n"
    instance = start(SOCKET + metrics)
    assert instance.run("uwsgi.metric_inc('trio.requests', 2) and uwsgi.metric_inc('mine')")
    assert (instance.metric("trio.requests"), instance.metric("mine")) == (7, 1)


def test_metrics_dir_shows_and_restores_our_metrics(start: Start) -> None:
    (first := start(SOCKET + "metrics-dir = .\nmetrics-dir-restore = true\n")).run("None")
    first.run("uwsgi.metric_set('trio.worker.1.in_flight', 1000), uwsgi.metric_inc('trio.bytes.in', 12)")
    eventually(lambda: first.file("trio.bytes.in").rstrip("\0") == "12\n")
    first.run("uwsgi.metric_set('trio.worker.1.in_flight', 5)")
    eventually(lambda: first.file("trio.worker.1.in_flight").rstrip("\0") == "5\n")
    first.end()
    first.start()
    eventually(lambda: first.metric("trio.bytes.in") == 12)
    first.run("uwsgi.metric_inc('trio.bytes.in', 30)")
    eventually(lambda: first.file("trio.bytes.in").rstrip("\0") == "42\n")
    assert first.metric("trio.worker.1.in_flight") == 0


def test_request_lines_go_to_the_request_logger(start: Start) -> None:
    instance = start(SOCKET + "req-logger = file:requests\nlogger = file:rest\n")
    assert instance.run("native.log_request(b'GET / => 200\\n')") is True
    eventually(lambda: instance.file("requests") == "GET / => 200\n")
    assert "GET" not in instance.file("rest")


def test_without_a_request_logger_they_go_to_the_log(start: Start) -> None:
    instance = start()
    assert instance.run("native.log_request(b'GET / => 200\\n')") is True
    assert "\nGET / => 200\n" in instance.log()


def test_a_request_line_is_lost_rather_than_waited_for(start: Start) -> None:
    instance = start(SOCKET + "req-logger = file:requests\n")
    instance.run("os.kill(uwsgi.masterpid(), signal.SIGSTOP)")
    lost = instance.run("[native.log_request(b'x' * 1000) for _ in range(2000)].count(False)")
    os.kill(instance.process.pid, signal.SIGCONT)
    assert lost > 0

"""The documentation's recipe for OpenTelemetry: its spans survive the fork and every reload."""

from pathlib import Path

import pytest
from support.collector import Collector, Span, collecting
from support.http1 import Http1
from support.uwsgi import Servers
from support.waiting import eventually

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def of_trace(collector: Collector) -> list[Span]:
    return [each for each in collector.spans if each.trace.startswith(TRACE[:-2])]


@pytest.mark.parametrize("lazy", [False, True], ids=["imported before the fork", "imported behind it"])
def test_no_span_is_lost_at_a_reload(uwsgi: Servers, lazy: bool) -> None:
    with collecting() as collector:
        server = uwsgi(
            module="telemetry:app",
            pythonpath=str(EXAMPLES),
            processes=2,
            env=[f"OTEL_EXPORTER_OTLP_ENDPOINT={collector.url}", "OTEL_SERVICE_NAME=shop"],
            **({"lazy_apps": True} if lazy else {}),
        )
        old = set(map(str, server.worker_pids()))
        for number in range(20):
            with Http1(server.address) as client:
                client.get("/slow/0.0", traceparent=f"00-{TRACE[:-2]}{number:02x}-{PARENT}-01")
        with Http1(server.address) as client:
            client.request("/slow/1.0", traceparent=f"00-{TRACE}-{PARENT}-01")
            server.reload("r")
            assert client.response().text == "slept\n"
        with Http1(server.address) as client:
            client.get("/slow/0.0", traceparent=f"00-{TRACE[:-2]}ff-{PARENT}-01")
        server.reload("c" if lazy else "r")
        # The drains of both reloads have sent all that their workers had.
        eventually(lambda: len(collector.named("drain")) == 4, why=lambda: str(collector.spans))
        requests = [each for each in of_trace(collector) if each.parent == PARENT]
        assert len(requests) == len({each.trace for each in requests}) == 22
        assert {each.process for each in collector.named("drain")} > old
        (slow,) = [each for each in collector.named("sleep") if each.trace == TRACE]
        (drain,) = [each for each in collector.named("drain") if each.process == slow.process]
        assert drain.began < slow.ended <= drain.ended
        assert slow.process in old

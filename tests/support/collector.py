"""A collector of OpenTelemetry, as far as spans go: what every process has sent it, by OTLP over HTTP."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Span:
    """A span that has come; its ids in hexadecimal, its times in seconds."""

    name: str
    process: str
    trace: str
    span: str
    parent: str
    began: float
    ended: float


class Collector(ThreadingHTTPServer):
    """Takes spans on a free port.

    Attributes:
        spans: what has come.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.spans: list[Span] = []

    @property
    def url(self) -> str:
        """Its endpoint."""
        return f"http://127.0.0.1:{self.server_port}"

    def named(self, name: str) -> list[Span]:
        """The spans of that name."""
        return [each for each in self.spans if each.name == name]


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        request = ExportTraceServiceRequest()
        request.ParseFromString(gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body)
        self.server.spans += _read(request)
        self.send_response(200)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Say nothing."""


def _read(request: ExportTraceServiceRequest) -> Iterator[Span]:
    for resource in request.resource_spans:
        of = {each.key: each.value.string_value for each in resource.resource.attributes}
        for each in [span for scope in resource.scope_spans for span in scope.spans]:
            ids = each.trace_id.hex(), each.span_id.hex(), each.parent_span_id.hex()
            times = each.start_time_unix_nano / 1e9, each.end_time_unix_nano / 1e9
            yield Span(each.name, of["service.instance.id"], *ids, *times)


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector that runs in the block."""
    with Collector() as collector:
        thread = Thread(target=collector.serve_forever)
        thread.start()
        try:
            yield collector
        finally:
            collector.shutdown()
            thread.join()

"""The figures of an instance, as a Prometheus reads them."""

import urllib.request
from collections.abc import Iterator
from typing import Any

from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_prometheus

from support.ini import free_port
from support.uwsgi import Server

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def with_status(**options: Any) -> dict[str, Any]:
    """Options of an ini with a status socket, on a port that `status_url` finds."""
    address = f"127.0.0.1:{free_port()}"
    return {"trio_status": address, "http_socket": address} | options


def status_url(server: Server, path: str = "/metrics") -> str:
    return f"http://{server.options['trio-status']}{path}"


def scrape(server: Server, accept: str = "text/plain") -> list[Any]:
    """The families of metrics."""
    request = urllib.request.Request(status_url(server), headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=10) as answer:
        text = answer.read().decode()
        openmetrics = "openmetrics" in answer.headers["content-type"]
    read: Any = read_openmetrics if openmetrics else read_prometheus
    return list(read(text))


def samples(families: list[Any], name: str, **labels: str) -> Iterator[Any]:
    """The samples of that name with these labels among their own."""
    for family in families:
        for each in family.samples:
            if each.name == name and labels.items() <= each.labels.items():
                yield each


def total(families: list[Any], name: str, **labels: str) -> float:
    """The sum of these samples."""
    return float(sum(each.value for each in samples(families, name, **labels)))

"""A real Prometheus reads two workers, and every expression of the dashboard has an answer there."""

import json
import re
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.figures import with_status
from support.http1 import Http1
from support.ini import free_port
from support.uwsgi import Server, Servers
from support.waiting import eventually

pytestmark = pytest.mark.skipif(shutil.which("prometheus") is None, reason="no prometheus here")

FOLDER = Path(__file__).parents[2] / "deploy" / "grafana"
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "dashboard.json").read_text())
TARGETS = [(panel["title"], each) for panel in DASHBOARD["panels"] for each in panel.get("targets", ())]

# What Grafana puts in the place of its variables, with `All` for the instances.
VARIABLES = {"$__rate_interval": "10s", "$job": "trio-worker", "$instance": ".+"}

REQUESTS = 20


class Prometheus:
    """A Prometheus that runs.

    Args:
        address: of its API.
    """

    def __init__(self, address: str) -> None:
        self._address = address

    def get(self, path: str, **parameters: str) -> Any:
        """The data of an answer of its API."""
        asked = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"http://{self._address}/api/v1/{path}?{asked}", timeout=10) as answer:
            return json.load(answer)["data"]

    def ask(self, expression: str) -> list[Any]:
        """The series of an expression now."""
        for name, value in VARIABLES.items():
            expression = expression.replace(name, value)
        found: list[Any] = self.get("query", query=expression)["result"]
        return found

    def is_reading(self) -> bool:
        """Return True once it has read so often that there is a rate of everything."""
        try:
            return all(int(each["value"][1]) > 3 for each in self.ask("count_over_time(uwsgi_workers[1m])") or [_NONE])
        except OSError:
            return False


_NONE = {"value": [0, "0"]}


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    return module_uwsgi(module="quart_app:app", processes=2, trio_metrics_interval=0.2, **with_status())


@pytest.fixture(scope="module")
def prometheus(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    folder, address = tmp_path_factory.mktemp("prometheus"), f"127.0.0.1:{free_port()}"
    ours = (FOLDER / "prometheus.yml").read_text()
    ours = ours.replace("127.0.0.1:9117", server.options["trio-status"]).replace("15s", "1s")
    (folder / "prometheus.yml").write_text(ours)
    for number in range(REQUESTS):
        with Http1(server.address) as client:
            client.get("/" if number % 2 else "/raise")
    files = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(["prometheus", *files, f"--web.listen-address={address}"], stderr=log)
    try:
        found = Prometheus(address)
        eventually(found.is_reading, timeout=40)
        yield found
    finally:
        process.terminate()
        process.wait(timeout=20)


@pytest.mark.long
def test_it_reads_what_was_asked(prometheus: Prometheus) -> None:
    (target,) = prometheus.get("targets")["activeTargets"]
    assert (target["health"], target["lastError"]) == ("up", "")
    (found,) = prometheus.ask("sum(http_server_request_duration_seconds_count)")
    assert float(found["value"][1]) == REQUESTS


@pytest.mark.long
def test_every_expression_of_the_dashboard_has_an_answer(prometheus: Prometheus) -> None:
    empty = [(title, each["expr"]) for title, each in TARGETS if not prometheus.ask(each["expr"])]
    assert empty == []


@pytest.mark.long
def test_every_series_has_a_legend_of_its_own(prometheus: Prometheus) -> None:
    for title, target in TARGETS:
        legend = target.get("legendFormat", "")
        labels = re.findall(r"\{\{(\w+)\}\}", legend)
        names = [[each["metric"].get(label) for label in labels] for each in prometheus.ask(target["expr"])]
        assert len(names) == len({tuple(name) for name in names}), (title, legend)


@pytest.mark.long
def test_the_variables_of_the_dashboard_have_values(prometheus: Prometheus) -> None:
    for each in DASHBOARD["templating"]["list"]:
        if each["type"] == "query":
            metric, label = re.fullmatch(r"label_values\((.+), (\w+)\)", each["query"]).groups()  # type: ignore[union-attr]
            values = prometheus.get(f"label/{label}/values", **{"match[]": metric.replace("$job", "trio-worker")})
            assert values, each["name"]

"""The dashboard asks for what there is: each of its metrics and labels is on `/metrics` of a real instance."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support.figures import scrape, status_url, with_status
from support.http1 import Http1
from support.uwsgi import Server, Servers

FOLDER = Path(__file__).parents[2] / "deploy" / "grafana"
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "dashboard.json").read_text())

# Labels that Prometheus adds.
_OF_PROMETHEUS = {"job", "instance", "le"}


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    server = module_uwsgi(module="quart_app:app", processes=2, **with_status())
    with Http1(server.address) as client:
        client.get("/")
        client.post("/echo", b"abc")
    return server


def queries() -> list[str]:
    panels = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", ())]
    variables = [each["query"] for each in DASHBOARD["templating"]["list"] if each["type"] == "query"]
    return [*panels, *variables]


def test_every_metric_and_label_of_the_dashboard_exists(server: Server) -> None:
    found = [each for family in scrape(server) for each in family.samples]
    names = {each.name for each in found}
    labels = {label for each in found for label in each.labels}
    asked = " ".join(queries())
    metrics = set(re.findall(r"\b(?:http_server|trio|process|python|uwsgi)_\w+", asked))
    assert len(metrics) > 20
    assert metrics - names == set()
    groups = re.findall(r"by \(([\w, ]+)\)", asked)
    said = set(re.findall(r"(\w+)=~?\"", asked)) | {label for group in groups for label in group.split(", ")}
    assert said - labels - _OF_PROMETHEUS == set()


def test_panels_have_a_name_a_unit_and_a_place_of_their_own() -> None:
    panels = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
    assert len({panel["title"] for panel in panels}) == len(panels)
    assert all(panel["fieldConfig"]["defaults"]["unit"] for panel in panels)
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    assert len(set(places)) == len(places)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool here")
def test_promtool_finds_nothing(server: Server, tmp_path: Path) -> None:
    text = subprocess.run(["curl", "-s", status_url(server)], capture_output=True, check=True, timeout=20).stdout
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, timeout=20)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")
    assert subprocess.run(["promtool", "check", "config", FOLDER / "prometheus.yml"], timeout=20).returncode == 0
    rules = {"groups": [{"name": "panels", "rules": [_rule(each) for each in queries() if "label_values" not in each]}]}
    path = tmp_path / "rules.yml"
    path.write_text(json.dumps(rules))
    checked = subprocess.run(["promtool", "check", "rules", path], capture_output=True, timeout=20)
    assert checked.returncode == 0, checked.stderr


def _rule(query: str) -> dict[str, str]:
    """Return a query as a recording rule, which promtool reads."""
    return {"record": "panel:query", "expr": query.replace("$__rate_interval", "1m")}

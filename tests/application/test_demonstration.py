"""The demonstration app: its pages have one look, workers share what they say they share, the chat loses nothing."""

import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from support.browser import CHROMIUM, browser
from support.http1 import Http1
from support.ini import CHECKOUT
from support.uwsgi import Server, Servers
from support.waiting import eventually
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

MESSAGES = 100
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    return start(module_uwsgi, 2)


def start(servers: Servers, processes: int) -> Server:
    return servers(
        module="app:app",
        processes=processes,
        lazy_apps=True,
        chdir=CHECKOUT,
        pythonpath=[CHECKOUT],
        trio_metrics_interval=0.05,
    )


def test_each_page_has_the_bar_and_says_what_it_proves(server: Server) -> None:
    with Http1(server.address) as client:
        for path in ("/", "/chat", "/status/"):
            page = client.get(path, **BROWSER)
            assert page.status == 200
            assert 'class="bar"' in page.text
            assert " prove" in page.text, path


def test_links_and_files_of_the_pages_exist(server: Server) -> None:
    with Http1(server.address) as client:
        for path in ("/", "/chat", "/status/"):
            page = client.get(path).text
            links = [part.split('"')[0] for mark in ('href="', 'src="') for part in page.split(mark)[1:]]
            assert len(links) > 4
            assert {link: client.get(link).status for link in links if "download" not in link} == dict.fromkeys(
                (link for link in links if "download" not in link), 200
            )


def test_errors_have_the_same_look_in_a_browser_and_are_text_elsewhere(server: Server) -> None:
    with Http1(server.address) as client:
        missing = client.get("/nothing", **BROWSER)
        assert (missing.status, missing.headers["content-type"]) == (404, "text/html; charset=utf-8")
        assert 'class="bar"' in missing.text
        plain = client.get("/nothing", Accept="*/*")
        assert plain.text.startswith("404 Not Found: ")
        refused = client.post("/hello", b"")
        assert (refused.status, set(refused.headers["allow"].split(", "))) == (405, {"GET", "HEAD", "OPTIONS"})
        assert client.get("/slow?seconds=x").text.startswith("400 Bad Request: seconds must be")


def test_all_workers_know_what_was_cancelled(server: Server) -> None:
    def count() -> set[int]:
        with ExitStack() as stack:
            clients = [stack.enter_context(Http1(server.address)) for _ in range(8)]
            return {json.loads(client.get("/slow/cancelled").body)["cancelled"] for client in clients}

    def in_flight() -> int:
        return sum(server.metrics()[f"worker.{number}.in_flight"] for number in (1, 2))

    (before,) = count()
    for _ in range(3):
        eventually(lambda: in_flight() == 0)
        with Http1(server.address) as client:
            client.request("/slow?seconds=60")
            eventually(lambda: in_flight() == 1)
    eventually(lambda: count() == {before + 3})
    server.reload("c")
    eventually(lambda: count() == {before + 3})


def test_figures_of_the_workers(server: Server) -> None:
    with Http1(server.address) as client:
        figures = json.loads(client.get("/status/figures").body)
    assert sorted(each["pid"] for each in figures["workers"]) == sorted(server.worker_pids())
    eventually(lambda: server.metrics()["requests"])


class Talker:
    """A client of the chat that behaves as chat.js does: it says again what has not come back."""

    def __init__(self, server: Server, name: str) -> None:
        self._url = f"ws://{server.address[0]}:{server.address[1]}/ws/chat?name={name}"
        self._unheard: dict[str, str] = {}
        self._client: ClientConnection | None = None
        self._ready = threading.Event()
        self._over = False
        self.heard: dict[str, str] = {}
        self.names: list[str] = []
        self.connections = 0

    def run(self) -> None:
        """Talk until `end`."""
        while not self._over:
            try:
                with connect(self._url) as client:
                    self.connections += 1
                    for text in client:
                        self._hear(json.loads(text), client)
            except (ConnectionClosed, OSError):
                pass
            self._ready.clear()

    def _hear(self, message: dict[str, Any], client: ClientConnection) -> None:
        if message["event"] == "said":
            self.heard[message["id"]] = message["text"]
            self._unheard.pop(message["id"], None)
        elif message["event"] == "ready":
            self._client = client
            self._ready.set()
            for said in list(self._unheard.values()):
                self._send(said)
        else:
            self.names = message["names"]

    def say(self, text: str) -> None:
        """Say something, now or as soon as there is a connection."""
        key = uuid.uuid4().hex
        self._unheard[key] = said = json.dumps({"id": key, "text": text})
        if self._ready.is_set():
            self._send(said)

    def _send(self, said: str) -> None:
        assert self._client is not None
        with suppress(ConnectionClosed, OSError):
            self._client.send(said)

    def end(self) -> None:
        """Hang up."""
        self._over = True
        if self._client is not None:
            self._client.close()


@pytest.fixture
def chatting(uwsgi: Servers) -> Iterator[tuple[Server, list[Talker]]]:
    """Four workers, and some who talk through them."""
    server = start(uwsgi, 4)
    talkers = [Talker(server, name) for name in ("Ada", "Grace", "Lin")]
    threads = [threading.Thread(target=talker.run) for talker in talkers]
    for thread in threads:
        thread.start()
    yield server, talkers
    for talker in talkers:
        talker.end()
    for thread in threads:
        thread.join(10)


def test_a_hundred_messages_through_a_chain_reload(chatting: tuple[Server, list[Talker]]) -> None:
    server, talkers = chatting
    eventually(lambda: all(talker.names == ["Ada", "Grace", "Lin"] for talker in talkers))
    reload = threading.Thread(target=server.reload, args=["c"])
    reload.start()
    said = [f"message {number}" for number in range(MESSAGES)]
    for number, text in enumerate(said):
        talkers[number % 3].say(text)
        reload.join(0.1)
    reload.join()
    eventually(lambda: all(sorted(talker.heard.values()) == sorted(said) for talker in talkers))
    assert all(talker.connections > 1 for talker in talkers)


@pytest.mark.long
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")
def test_two_tabs_of_a_browser_through_a_chain_reload(uwsgi: Servers, tmp_path: Path) -> None:
    server = start(uwsgi, 4)
    lines = "[...document.querySelectorAll('#log li:not(.unheard)')].map((line) => line.textContent.split(': ')[1])"
    with browser(tmp_path) as chromium, ExitStack() as stack:
        tabs = [stack.enter_context(chromium.tab(f"{server.url}/chat")) for _ in range(2)]
        for tab in tabs:
            tab.wait("document.getElementById('status').textContent.startsWith('connected, 2 here')")
        reload = threading.Thread(target=server.reload, args=["c"])
        reload.start()
        for number in range(MESSAGES):
            tabs[number % 2].run(f"text = document.querySelector('[name=text]'); text.value = 'message {number}'")
            tabs[number % 2].run("document.querySelector('#say button').click()")
            reload.join(0.1)
        reload.join()
        said = json.dumps([f"message {number}" for number in range(MESSAGES)])
        for tab in tabs:
            tab.wait(f"{lines}.length >= {MESSAGES}")
            assert sorted(tab.run(lines)) == sorted(json.loads(said))


@pytest.mark.long
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")
def test_the_cards_answer_on_the_page(server: Server, tmp_path: Path) -> None:
    with browser(tmp_path) as chromium, chromium.tab(f"{server.url}/") as tab:
        answers = {
            "hello": "Hello, World!",
            "json-echo": "trio",
            "background-task": "beats",
            "thread": "trio",
            "static-files": "<svg",
            "websocket-echo": "Is anybody there?",
        }
        for card, answer in answers.items():
            tab.run(f"document.querySelector('#{card} button').click()")
            tab.wait(f"document.querySelector('#{card} output').textContent.includes({json.dumps(answer)})")
        tab.run("document.querySelector('#slow-request button').click()")
        tab.wait("document.querySelector('#slow-request output').textContent.startsWith('waiting')")
        tab.run("document.querySelector('#slow-request [name=cancel]').click()")
        tab.wait("/so far: [1-9]/.test(document.querySelector('#slow-request output').textContent)")
        assert tab.run("location.pathname") == "/"

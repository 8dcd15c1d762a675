"""The page in a real browser, on two workers under load."""

import base64
import os
import time
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from support.browser import CHROMIUM, Browser, Tab, browser
from support.figures import with_status
from support.http1 import Http1
from support.load import Ask, hammer
from support.status import BEARER, TOKEN, ask, client, running, state
from support.uwsgi import Server, Servers
from support.waiting import eventually
from support.websocket import open_
from websockets.exceptions import ConnectionClosed

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")

# Where pictures for the docs are written to, if anywhere.
PICTURES = os.environ.get("TRIO_TEST_PICTURES")

SIZES = [(1200, 860, "light", False), (1200, 860, "dark", True), (390, 844, "phone", False)]


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("chromium")) as opened:
        yield opened


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    return module_uwsgi(
        processes=2, module="nurseries:app", disable_logging=True, trio_status_token=TOKEN, **with_status()
    )


def page(server: Server) -> str:
    return f"http://{server.options['trio-status']}/"


def is_live(tab: Tab) -> Any:
    return tab.wait("document.getElementById('link')?.textContent === 'live'")


def look(tab: Tab, width: int, height: int, name: str, dark: bool = False) -> None:
    """Show the page in this size, and keep a picture of it where one is asked for."""
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    tab.call("Emulation.setEmulatedMedia", features=[scheme])
    tab.call(
        "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1.5, mobile=width < 500
    )
    if PICTURES:
        time.sleep(1)
        found = tab.call("Page.captureScreenshot", format="png")["data"]
        Path(PICTURES, f"status_{name}.png").write_bytes(base64.b64decode(found))


def unlock(tab: Tab, token: str) -> None:
    tab.wait("document.getElementById('ask') !== null")
    tab.run("document.getElementById('ask').click()")
    tab.run(f"document.getElementById('token').value = {token!r}")
    tab.run("document.getElementById('unlock-go').click()")


def test_figures_change_and_a_request_is_opened_and_cancelled(server: Server, chromium: Browser) -> None:
    with (
        client(server, "/nursery/<b>slow") as waiting,
        hammer(server.address, [Ask("/")], 2),
        chromium.tab(page(server)) as tab,
    ):
        is_live(tab)
        tab.wait("Number(document.getElementById('rate').textContent.replace(',', '')) > 0")
        first = tab.run("document.querySelector('polyline').getAttribute('points')")
        tab.wait(f"document.querySelector('polyline').getAttribute('points') !== '{first}'")
        assert tab.run("document.querySelectorAll('#workers li').length") == 2
        tab.run("sessionStorage.clear()")
        unlock(tab, TOKEN)
        tab.wait("!document.getElementById('unlock').open")
        tab.wait("document.querySelector('#running-table button') !== null")
        tab.run("document.querySelector('#running-table button').click()")
        tab.wait("document.querySelectorAll('#tree .deadline').length >= 2")
        tree = tab.run("document.getElementById('tree').innerText")
        assert "nursery" in tree
        assert "nurseries.fetch" in tree
        left = tab.run("parseFloat(document.querySelector('#tree .deadline').textContent)")
        tab.wait(f"parseFloat(document.querySelector('#tree .deadline').textContent) < {left} - 1")
        tab.run("document.getElementById('cancel').click()")
        assert waiting.response().status == 503
        tab.wait("document.getElementById('request-facts').textContent === 'It has ended.'")
        tab.run("document.getElementById('request').close()")
        tab.wait("document.querySelector('#cancelled li')?.textContent.includes('operator')")
        # What the client has sent is text, and no markup.
        assert tab.run("document.querySelector('#cancelled b')") is None
        assert "<b>slow" in tab.run("document.getElementById('cancelled').textContent")
    assert sum(each["errors"] for each in state(server)["workers"]) == 1


def test_a_websocket_is_shown_opened_and_cancelled(server: Server, chromium: Browser) -> None:
    with open_(server, "/socket/<i>one") as session, chromium.tab(page(server)) as tab:
        is_live(tab)
        tab.run("sessionStorage.clear()")
        unlock(tab, TOKEN)
        tab.wait("!document.getElementById('unlock').open")
        session.send("a")
        assert session.recv() == "a"
        shown = "document.getElementById('sessions-table').innerText"
        tab.wait(f"{shown}.includes('messages: 1 in, 1 out')")
        assert "WEBSOCKET /socket/<i>one" in tab.run(shown)
        tab.run("document.querySelector('#sessions-table button').click()")
        tab.wait("document.getElementById('tree').innerText.includes('websocket.receive()')")
        tab.run("document.getElementById('cancel').click()")
        with pytest.raises(ConnectionClosed):
            session.recv(timeout=10)
        tab.wait("document.getElementById('sessions-section').hidden")


def test_a_wrong_token_unlocks_nothing(server: Server, chromium: Browser) -> None:
    with chromium.tab(page(server)) as tab:
        tab.run("sessionStorage.clear()")
        tab.run("location.reload()")
        is_live(tab)
        unlock(tab, "wrong")
        tab.wait("document.getElementById('unlock-answer').textContent === 'This is not the token.'")
        assert tab.run("document.querySelectorAll('#acts .bad, .acts button').length") == 0


def test_without_a_token_there_is_no_button(uwsgi: Servers, chromium: Browser) -> None:
    server = uwsgi(module="nurseries:app", **with_status())
    with client(server, "/nursery/one"), chromium.tab(page(server)) as tab:
        is_live(tab)
        request = running(server, "/nursery/one")["id"]
        tab.wait("document.querySelector('#running-table button') !== null")
        assert tab.run("document.querySelectorAll('button:not(.link):not(dialog button)').length") == 0
        tab.run("document.querySelector('#running-table button').click()")
        tab.wait("document.querySelectorAll('#tree .deadline').length > 0")
        assert tab.run("document.querySelectorAll('#request-acts button').length") == 0
        assert ask(server, f"/cancel?request={request}", BEARER, "POST")[0] == 404


def test_a_blocked_worker_is_shown_and_the_page_goes_on(server: Server, chromium: Browser) -> None:
    with chromium.tab(page(server)) as tab:
        is_live(tab)
        blocked = server.count("the loop is blocked")
        with client(server, "/block/8.0") as waiting:
            server.wait_log("the loop is blocked", blocked + 1)
            tab.wait("document.querySelector('.state.silent')?.textContent === 'not answering'")
            first = tab.run("document.querySelector('.facts').textContent")
            tab.wait(f"document.querySelector('.facts').textContent !== {first!r}", 3)
            assert waiting.response().status == 200
        tab.wait("document.querySelector('.state.silent') === null")


def test_the_page_fits_a_phone_and_the_dark(server: Server, chromium: Browser) -> None:
    def late() -> bool:
        with Http1(server.address) as asking:
            asking.get("/late")
            asking.get("/bad")
        return len(state(server)["errors"]) > 0

    with (
        hammer(server.address, [Ask("/")], 2),
        client(server, "/nursery/one"),
        client(server, "/nursery/two"),
        open_(server, "/socket/one") as session,
    ):
        session.send("a")
        eventually(late)
        with chromium.tab(page(server)) as tab:
            is_live(tab)
            tab.wait("document.querySelectorAll('#running-table tbody tr').length >= 2")
            if PICTURES:
                time.sleep(45)  # The charts fill.
            grounds = []
            for width, height, name, dark in (
                (1200, 860, "light", False),
                (1200, 860, "dark", True),
                (390, 844, "phone", False),
            ):
                look(tab, width, height, name, dark)
                assert tab.run("document.documentElement.scrollWidth") <= width
                grounds.append(tab.run("getComputedStyle(document.documentElement).backgroundColor"))
            assert grounds[0] == grounds[2] != grounds[1]
            look(tab, 1100, 760, "wide")
            tab.run("document.querySelector('#running-table button').click()")
            tab.wait("document.querySelectorAll('#tree .deadline').length >= 2")
            look(tab, 1100, 760, "tree")


def test_every_control_has_a_name_and_is_reached_by_the_keyboard(server: Server, chromium: Browser) -> None:
    with client(server, "/nursery/one"), chromium.tab(page(server)) as tab:
        is_live(tab)
        tab.wait("document.querySelector('#running-table button') !== null")
        nodes = tab.call("Accessibility.getFullAXTree")["nodes"]
        controls = [each for each in nodes if each.get("role", {}).get("value") in ("button", "link", "textbox")]
        assert controls
        assert [each for each in controls if not each.get("name", {}).get("value")] == []
        reached = set()
        for _ in range(8):
            for kind in ("keyDown", "keyUp"):
                tab.call("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
            reached.add(tab.run("document.activeElement.textContent"))
        assert "GET /nursery/one" in reached


# Deque's axe-core, which knows the rules of WCAG 2.1; it comes by DevTools, because the page lets no other script in.
AXE = files("axe_core_python") / "axe.min.js"
LOOK = (
    "axe.run().then(found => [found.passes.length, found.violations.map(each => `${each.id}: ${each.nodes[0].html}`)])"
)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_screen_reader_finds_its_way(server: Server, chromium: Browser, dark: bool) -> None:
    with client(server, "/nursery/one"), open_(server, "/socket/one"), chromium.tab(page(server)) as tab:
        is_live(tab)
        tab.wait("document.querySelector('#running-table button') !== null")
        tab.wait("document.querySelector('#sessions-table button') !== null")
        look(tab, 1200, 860, "axe", dark)
        tab.call("Runtime.evaluate", expression=AXE.read_text())
        assert violations(tab) == []
        look(tab, 320, 640, "axe", dark)
        assert violations(tab) == []
        assert tab.run("document.documentElement.scrollWidth") <= 320
        tab.run("document.querySelector('#running-table button').click()")
        tab.wait("document.querySelectorAll('#tree .deadline').length >= 2")
        assert violations(tab) == []


def violations(tab: Tab) -> Any:
    passed, found = tab.run(LOOK)
    assert passed > 10
    return found

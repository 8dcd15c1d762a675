"""Chromium without a window, told what to do by its DevTools protocol.

https://chromedevtools.github.io/devtools-protocol/
"""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from websockets.sync.client import ClientConnection, connect

from support.waiting import eventually

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")

# Seconds that Chromium has to begin.
START = 30.0


class Tab:
    """One page.

    Args:
        client: the DevTools session of the page.
    """

    def __init__(self, client: ClientConnection) -> None:
        self._client = client
        self._number = 0

    def call(self, method: str, **parameters: Any) -> Any:
        """Call a method of the protocol and return its result."""
        self._number += 1
        self._client.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._client.recv(timeout=10))
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]

    def run(self, script: str) -> Any:
        """Return what an expression of JavaScript is, or what it resolves to."""
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def wait(self, script: str, timeout: float = 10.0) -> Any:
        """Wait until an expression is true."""
        return eventually(lambda: self.run(script), timeout, lambda: f"{script}\n{self.run('document.body.innerText')}")


class Browser:
    """A running Chromium.

    Args:
        port: of its DevTools.
    """

    def __init__(self, port: int) -> None:
        self._base = f"http://127.0.0.1:{port}"

    @contextmanager
    def tab(self, url: str) -> Iterator[Tab]:
        """A page in a tab of its own."""
        asked = Request(f"{self._base}/json/new?{url}", method="PUT")
        with urlopen(asked, timeout=10) as answer:
            target = json.load(answer)
        with connect(target["webSocketDebuggerUrl"], max_size=None) as client:
            tab = Tab(client)
            tab.wait("location.href !== 'about:blank' && document.readyState === 'complete'")
            yield tab
            # Chromium has six connections to a server over HTTP/1.1, and a page that stays keeps one of them.
            tab.call("Page.close")


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """A Chromium with a profile of its own in `folder`."""
    assert CHROMIUM is not None
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-port=0"]
    # Tabs in the background run their timers as those in front do.
    options += ["--disable-background-timer-throttling", "--disable-renderer-backgrounding"]
    command = [CHROMIUM, *options, f"--user-data-dir={folder}", "about:blank"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            port = eventually(lambda: (folder / "DevToolsActivePort").read_text().split("\n")[0], START)
            yield Browser(int(port))
        finally:
            process.terminate()
            process.wait(10)

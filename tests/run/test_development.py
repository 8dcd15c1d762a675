"""`trio-worker run --reload`: a saved file is served at once, no request is lost, and the open page shows it."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from support.browser import CHROMIUM, browser
from support.http1 import Http1
from support.load import Ask, hammer
from support.run import Run, running
from support.waiting import eventually

APP = """\
from quart_trio import QuartTrio
from quart import render_template

app = QuartTrio(__name__)


@app.get("/")
async def page():
    return await render_template("page.html", word={word})


@app.get("/raise")
async def fault():
    raise ValueError("seen by its developer")
"""


@contextmanager
def developing(folder: Path, *arguments: str, app: str = APP) -> Iterator[Run]:
    """A run of an app in a folder of its own."""
    code = folder / "code"
    (code / "templates").mkdir(parents=True)
    (code / "main.py").write_text(app.format(word="'one'"))
    (code / "templates" / "page.html").write_text("<p>{{ word }} in the template</p>")
    with running(folder, "--no-plugin", "--reload", *arguments, app="main:app", cwd=code) as run:
        run.wait("accepting on")
        yield run


def text(run: Run) -> str:
    with Http1(run.address) as client:
        return client.get("/").text.partition("<script>")[0].strip()


def test_saved_files_of_every_kind(tmp_path: Path) -> None:
    with developing(tmp_path) as run:
        code = tmp_path / "code"
        assert text(run) == "<p>one in the template</p>"
        with hammer(run.address, [Ask("/")], clients=2) as tally:
            (code / "templates" / "page.html").write_text("<p>{{ word }} in another template</p>")
            eventually(lambda: text(run) == "<p>one in another template</p>", 20, lambda: run.output)
            (code / "words.py").write_text("WORD = 'two'")
            (code / "main.py").write_text("from words import WORD\n" + APP.format(word="WORD"))
            eventually(lambda: text(run) == "<p>two in another template</p>", 20, lambda: run.output)
            (code / "words.py").write_text("WORD = 'three'")
            eventually(lambda: text(run) == "<p>three in another template</p>", 20, lambda: run.output)
        assert tally.failures == []


def test_half_of_what_is_typed_takes_nothing_away(tmp_path: Path) -> None:
    with developing(tmp_path) as run:
        main = tmp_path / "code" / "main.py"
        main.write_text(APP.format(word="'two'") + "\ndef half(:\n")
        run.wait(r"main\.py has changed and does not compile: .*; the old code serves on")
        assert text(run) == "<p>one in the template</p>"
        main.write_text(APP.format(word="'two'"))
        eventually(lambda: text(run) == "<p>two in the template</p>", 20, lambda: run.output)


def test_what_the_app_writes_itself_is_no_change(tmp_path: Path) -> None:
    with developing(tmp_path) as run:
        page = tmp_path / "code" / "templates" / "page.html"
        assert text(run) == "<p>one in the template</p>"

        def is_taken_up() -> bool:
            for name in ("app.log", "data.sqlite3", "main.pyc"):
                (tmp_path / "code" / name).write_text("written")
            page.write_text("<p>{{ word }}, and so</p>")
            return text(run) == "<p>one, and so</p>"

        eventually(is_taken_up, 20, lambda: run.output)
        changed = set(re.findall(r"(\S+) has changed: the instance is reloaded", run.output))
        assert changed == {str(page)}


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")
def test_the_open_page_reloads_itself(tmp_path: Path) -> None:
    with ExitStack() as stack:
        run = stack.enter_context(developing(tmp_path))
        chromium = stack.enter_context(browser(tmp_path / "profile"))
        tab = stack.enter_context(chromium.tab(f"http://127.0.0.1:{run.address[1]}/"))
        tab.wait("document.body?.innerText.includes('one in the template')")
        (tmp_path / "code" / "main.py").write_text(APP.format(word="'two'"))
        tab.wait("document.body?.innerText.includes('two in the template')", 20)
        (tmp_path / "code" / "templates" / "page.html").write_text("<p>{{ word }} on a new page</p>")
        tab.wait("document.body?.innerText.includes('two on a new page')", 20)


def test_quarts_page_for_an_exception(tmp_path: Path) -> None:
    with developing(tmp_path, app=APP + "app.debug = True\n") as run, Http1(run.address) as client:
        answer = client.get("/raise")
        assert answer.status == 500
        assert "seen by its developer" in answer.text
        assert "main.py" in answer.text


def test_without_watchfiles_it_is_uwsgis_look_at_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "watchfiles.py").write_text("raise ImportError('hidden')")
    monkeypatch.setenv("PYTHONPATH", str(hidden))
    with developing(tmp_path) as run:
        assert "1 worker; saved modules are taken up (templates and static files too, and at once, with" in run.output

        def is_taken_up() -> bool:
            (tmp_path / "code" / "main.py").write_text(APP.format(word="'two'"))
            return text(run) == "<p>two in the template</p>"

        eventually(is_taken_up, 20, lambda: run.output)

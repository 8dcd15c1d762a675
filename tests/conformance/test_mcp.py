"""A Model Context Protocol server on the worker, and the client of its own library: streamable HTTP, on Trio."""

from collections.abc import Awaitable, Callable
from typing import Literal

import mcp
import pytest
import trio
from support.uwsgi import Server, Servers

Steps = Callable[[mcp.Client], Awaitable[None]]
Mode = Literal["auto", "legacy"]


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    # Its streams stay open for as long as the session, so a drain is what ends them.
    return module_uwsgi(module="mcp_app:app", worker_reload_mercy=3)


@pytest.fixture(params=["auto", "legacy"])
def mode(request: pytest.FixtureRequest) -> Mode:
    """The newest dialect that both sides know, which has no sessions, and the one with sessions and streams."""
    found: Mode = request.param
    return found


def talk(server: Server, mode: Mode, steps: Steps) -> None:
    """Take these steps in a session."""

    async def main() -> None:
        with trio.fail_after(20):
            async with mcp.Client(f"{server.url}/mcp", mode=mode) as client:
                await steps(client)

    trio.run(main)


def first_text(result: mcp.types.CallToolResult) -> str:
    content = result.content[0]
    assert isinstance(content, mcp.types.TextContent)
    return content.text


def test_what_it_has(server: Server, mode: Mode) -> None:
    async def steps(client: mcp.Client) -> None:
        assert client.server_info is not None
        assert client.server_info.name == "conformance"
        assert client.instructions == "Tools for tests."
        assert {each.name for each in (await client.list_tools()).tools} == {"add", "count", "sleep", "fail"}
        assert [each.name for each in (await client.list_prompts()).prompts] == ["greet"]
        assert len((await client.list_resource_templates()).resource_templates) == 1

    talk(server, mode, steps)


def test_tools_resources_prompts(server: Server, mode: Mode) -> None:
    async def steps(client: mcp.Client) -> None:
        assert first_text(await client.call_tool("add", {"a": 2, "b": 3})) == "5"
        (read,) = (await client.read_resource("text://one")).contents
        assert isinstance(read, mcp.types.TextResourceContents)
        assert read.text == "the text of one"
        (message,) = (await client.get_prompt("greet", {"name": "you"})).messages
        assert isinstance(message.content, mcp.types.TextContent)
        assert message.content.text == "Greet you."

    talk(server, mode, steps)


def test_progress_streams(server: Server, mode: Mode) -> None:
    told: list[float] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        told.append(progress)

    async def steps(client: mcp.Client) -> None:
        result = await client.call_tool("count", {"to": 5}, progress_callback=hear)
        assert first_text(result) == "counted to 5"

    talk(server, mode, steps)
    assert told == [1, 2, 3, 4, 5]


def test_many_calls_at_a_time(server: Server, mode: Mode) -> None:
    async def steps(client: mcp.Client) -> None:
        async def call(number: int) -> None:
            assert first_text(await client.call_tool("add", {"a": number, "b": 1})) == str(number + 1)

        async with trio.open_nursery() as nursery:
            for number in range(30):
                nursery.start_soon(call, number)

    talk(server, mode, steps)


def test_a_tool_that_fails_is_an_answer(server: Server, mode: Mode) -> None:
    async def steps(client: mcp.Client) -> None:
        result = await client.call_tool("fail")
        assert result.is_error
        assert "fail" in first_text(result)
        assert first_text(await client.call_tool("add", {"a": 1, "b": 1})) == "2"

    talk(server, mode, steps)


def test_a_call_that_its_client_gives_up(server: Server, mode: Mode) -> None:
    before = server.count("the tool was cancelled")

    async def steps(client: mcp.Client) -> None:
        with trio.move_on_after(0.5):
            await client.call_tool("sleep", {"seconds": 30})
        await trio.to_thread.run_sync(server.wait_log, "the tool was cancelled", before + 1)

    talk(server, mode, steps)


def test_a_reload_ends_open_sessions_in_time(uwsgi: Servers, mode: Mode) -> None:
    server = uwsgi(module="mcp_app:app", worker_reload_mercy=3)

    async def steps(client: mcp.Client) -> None:
        assert first_text(await client.call_tool("add", {"a": 1, "b": 1})) == "2"
        await trio.to_thread.run_sync(server.reload, "r")

    talk(server, mode, steps)
    talk(server, mode, check)


async def check(client: mcp.Client) -> None:
    assert first_text(await client.call_tool("add", {"a": 1, "b": 1})) == "2"

"""A Model Context Protocol server over streamable HTTP; on Trio it runs through AnyIO."""

import anyio
from mcp.server.mcpserver import Context, MCPServer
from probe import tell

server = MCPServer("conformance", instructions="Tools for tests.")


@server.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool()
async def count(to: int, context: Context) -> str:
    """Count, and tell of each step."""
    for number in range(to):
        await context.report_progress(number + 1, to)
        await anyio.sleep(0.01)
    return f"counted to {to}"


@server.tool()
async def sleep(seconds: float) -> str:
    """Take a while; says in the log when it is cancelled."""
    try:
        await anyio.sleep(seconds)
    except BaseException:
        tell("the tool was cancelled")
        raise
    return "slept"


@server.tool()
def fail() -> str:
    """Raise an exception."""
    raise ValueError("as asked")


@server.resource("text://{name}")
def text(name: str) -> str:
    """A text of this name."""
    return f"the text of {name}"


@server.prompt()
def greet(name: str) -> str:
    """A greeting."""
    return f"Greet {name}."


app = server.streamable_http_app()

"""Autobahn's cases for WebSocket servers (RFC 6455, RFC 7692), as the runner kosoku drives them, on a real worker.

Left out are those of the groups 12 and 13 whose thousand messages have 8 KiB or more each: they measure how fast
the two sides compress, and take a quarter of an hour.
"""

import asyncio

import pytest
from kosoku import FailureError, run_fuzzingclient
from kosoku._kosoku import CaseResult
from support.uwsgi import Server, Servers

# What the standard leaves to the server, by Autobahn's own verdict: a fault behind a good frame ends the session before
# that frame was echoed (3, 4, 5.15), invalid text is found when the message is whole (6.4), and codes that nobody has
# registered (7.13) or a close behind a message of 256 KiB (7.1.6) may end it either way.
LENIENT = {"3.2", "3.3", "3.4", "4.1.3", "4.1.4", "4.1.5", "4.2.3", "4.2.4", "4.2.5", "5.15"}
LENIENT |= {"6.4.1", "6.4.2", "6.4.3", "6.4.4", "7.1.6", "7.13.1", "7.13.2"}

LARGE = [f"{group}.*.{number}" for group in (12, 13) for number in range(6, 19)]


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    return module_uwsgi(module="websocket_behaviour:app", websockets_max_size=65536)


async def run(server: Server) -> list[CaseResult]:
    """Run the cases, and return what came of them, good or bad."""
    host, port = server.address
    try:
        return await run_fuzzingclient(f"ws://{host}:{port}/echo", exclude_cases=LARGE, concurrency=2)
    except FailureError as failure:
        results: list[CaseResult] = failure.results
        return results


def test_the_cases_for_servers(server: Server) -> None:
    results = asyncio.run(run(server))
    assert len(results) == 361
    failed = [f"{each.case_id}: {each.result}; {each.result_close}" for each in results if not each.passed]
    assert not failed
    lenient = {each.case_id for each in results if each.behavior.value != "OK"}
    assert lenient <= LENIENT
    assert not server.count("^.*(ERROR|Traceback)")

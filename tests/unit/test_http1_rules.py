"""The rules for heads, where a socket adds nothing."""

import pytest

from trio_worker.host import is_host, known_hosts
from trio_worker.protocols.http1.rules import replay, wants_upgrade
from trio_worker.protocols.rules import HEAD_LIMIT, TARGET_LIMIT, Head, check, check_size, in_origin_form

HOST = (b"host", b"t")


def head(*headers: tuple[bytes, bytes], method: str = "GET", target: bytes = b"/", version: str = "1.1") -> Head:
    return Head(method, target, version, [HOST, *headers])


def status(given: Head, limit_post: int = 0) -> int | None:
    refusal = check(given, [name for name, _ in given.headers], limit_post)
    return None if refusal is None else refusal.status


class TestCheck:
    @pytest.mark.parametrize("limit_post", [0, 100])
    def test_the_short_way_and_the_long_way_agree(self, limit_post: int) -> None:
        """A limit takes the long way for requests that it does not concern."""
        heads = [head(), head(method="CONNECT"), head((b"host", b"t")), head((b"content-length", b"5"))]
        assert [status(each, limit_post) for each in heads] == [None, 501, 400, None]

    def test_a_body_above_the_limit(self) -> None:
        assert status(head((b"content-length", b"100")), 100) is None
        assert status(head((b"content-length", b"101")), 100) == 413

    def test_sizes(self) -> None:
        assert check_size(b"/" * TARGET_LIMIT, [], 4096) is None
        refusal = check_size(b"/" * (TARGET_LIMIT + 1), [], 4096)
        assert refusal is not None
        assert refusal.status == 414
        refusal = check_size(b"/", [(b"a", b"b" * HEAD_LIMIT)], 4096)
        assert refusal is not None
        assert refusal.status == 431
        assert check_size(b"/" * 60_000, [(b"a", b"b")], 65535) is None


class TestUpgrade:
    WEBSOCKET = ((b"connection", b"keep-alive, Upgrade"), (b"upgrade", b"WebSocket"))
    H2C = ((b"connection", b"upgrade, http2-settings"), (b"upgrade", b"h2c"), (b"http2-settings", b"AAMAAABk"))

    @pytest.mark.parametrize("headers", [WEBSOCKET, H2C, (*WEBSOCKET, (b"content-length", b"0"))])
    def test_wanted(self, headers: tuple[tuple[bytes, bytes], ...]) -> None:
        assert wants_upgrade(head(*headers), h2c=True)
        assert wants_upgrade(head(*headers), h2c=False) == (headers is not self.H2C)

    @pytest.mark.parametrize(
        "given",
        [
            head(),
            head(WEBSOCKET[1]),
            head(WEBSOCKET[0]),
            head(*WEBSOCKET, method="POST"),
            head(*WEBSOCKET, version="1.0"),
            head(*WEBSOCKET, (b"content-length", b"5")),
            head(*WEBSOCKET, (b"transfer-encoding", b"chunked")),
            head(*H2C[:2]),
            head(*H2C, H2C[2]),
            head((b"connection", b"upgrade"), (b"upgrade", b"tea")),
            head((b"connection", b"upgrade"), *H2C[1:]),
            head(*H2C, (b"x-forwarded-for", b"192.0.2.1")),
            head(*H2C, (b"forwarded", b"for=192.0.2.1")),
            head(*H2C[:2], (b"http2-settings", b"AAMAAAB")),
        ],
    )
    def test_not_wanted(self, given: Head) -> None:
        assert not wants_upgrade(given, h2c=True)

    def test_connection_in_several_lines(self) -> None:
        lines = (b"connection", b"upgrade"), (b"connection", b"keep-alive")
        assert wants_upgrade(head(*lines, self.WEBSOCKET[1]), h2c=False)

    def test_the_replay_is_the_request_again(self) -> None:
        given = head(*self.WEBSOCKET, target=b"/a?b")
        lines = b"connection: keep-alive, Upgrade\r\nupgrade: WebSocket\r\n"
        assert replay(given) == b"GET /a?b HTTP/1.1\r\nhost: t\r\n" + lines + b"\r\n"
        assert b"upgrade: " not in replay(given, without=b"upgrade")


@pytest.mark.parametrize(
    ("target", "path", "host"),
    [
        (b"/a", b"/a", b"t"),
        (b"*", b"*", b"t"),
        (b"//a", b"//a", b"t"),
        (b"http://h", b"/", b"h"),
        (b"http://h/", b"/", b"h"),
        (b"http://h?q", b"/?q", b"h"),
        (b"http://h/p?q=http://x", b"/p?q=http://x", b"h"),
        (b"https://[::1]:8/p", b"/p", b"[::1]:8"),
    ],
)
def test_origin_form(target: bytes, path: bytes, host: bytes) -> None:
    found = in_origin_form(head(target=target))
    assert (found.target, found.headers) == (path, [(b"host", host)])


def testknown_hosts_are_remembered_within_bounds() -> None:
    for number in range(3000):
        assert is_host(b"h%d.org" % number)
    assert not is_host(b"a" * 30000)
    assert len(known_hosts) <= 1024
    assert max(map(len, known_hosts)) <= 1024

"""A client that asks for a new handshake under TLS 1.2 is refused: each costs us a hundred times what it costs him.

OpenSSL's own client does so at a line of one `R`, and then waits for a handshake until its connection is closed.
"""

import shutil
import subprocess

import pytest
from support.certificates import Authority, connect_tls
from support.https import Https
from support.uwsgi import Servers

OPENSSL = shutil.which("openssl")


@pytest.mark.skipif(OPENSSL is None, reason="there is no openssl")
def test_a_new_handshake_on_an_old_connection_is_refused(uwsgi: Servers, authority: Authority) -> None:
    certificate, key = authority.serve("server.test")
    server = uwsgi(module="mirror:app", trio_certfile=certificate, trio_keyfile=key, trio_header_timeout=1)
    host, port = server.address
    command = [str(OPENSSL), "s_client", "-connect", f"{host}:{port}", "-tls1_2", "-legacy_renegotiation"]
    ended = subprocess.run(command, input="R\n", capture_output=True, text=True, timeout=30, check=False)
    assert "RENEGOTIATING" in ended.stdout + ended.stderr
    assert "no renegotiation" in ended.stderr
    assert "Traceback" not in server.log
    with Https(connect_tls(server.address, authority.client_context())) as client:
        assert client.get("/").status == 200

from collections.abc import Mapping

from trio_worker.asgi import Headers
from trio_worker.protocols.uwsgi.whole import Plain

Block = tuple[Headers, dict[bytes, bytes], dict[str, str]]

def read_block(block: bytes, known: Mapping[bytes, bytes | str], /) -> Block | None: ...
def read_packet(
    data: bytes,
    limit: int,
    known: Mapping[bytes, bytes | str],
    methods: Mapping[bytes, str],
    versions: Mapping[bytes, str],
    hosts: Mapping[bytes, bool],
    /,
) -> Plain | None: ...

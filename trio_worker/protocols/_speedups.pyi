from collections.abc import Mapping

from trio_worker.asgi import Headers

Head = tuple[bytes, bytes, Headers, bytes | None, bytes | None]

def read_head(data: bytes, names: dict[bytes, bytes], /) -> Head | None: ...

Block = tuple[Headers, dict[bytes, bytes], dict[str, str]]

Fields = tuple[bytes, bytes, bytes, Headers]

def read_fields(fields: tuple[tuple[bytes, bytes], ...], /) -> Fields | None: ...
def read_block(block: bytes, known: Mapping[bytes, bytes | str], /) -> Block | None: ...

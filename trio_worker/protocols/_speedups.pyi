from trio_worker.asgi import Headers

Head = tuple[bytes, bytes, Headers, bytes | None, bytes | None]

def read_head(data: bytes, names: dict[bytes, bytes], /) -> Head | None: ...

Fields = tuple[bytes, bytes, bytes, Headers]

def read_fields(fields: tuple[tuple[bytes, bytes], ...], /) -> Fields | None: ...

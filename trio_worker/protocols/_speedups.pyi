from trio_worker.asgi import Headers

Head = tuple[str, bytes, Headers, bool]

def read_head(
    names: dict[bytes, bytes], methods: dict[bytes, str], hosts: dict[bytes, bool], data: bytes, /
) -> Head | None: ...

Fields = tuple[bytes, bytes, bytes, Headers]

def read_fields(fields: tuple[tuple[bytes, bytes], ...], /) -> Fields | None: ...

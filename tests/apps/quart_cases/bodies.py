"""Request bodies, in every way that Quart reads them."""

from typing import Any

from quart import Response, request

from quart_cases.noting import cases


@cases.route("/body/data", methods=["GET", "POST"])
async def body_data() -> Any:
    return Response(await request.get_data(), mimetype="application/octet-stream")


@cases.post("/body/twice")
async def body_twice() -> list[Any]:
    return [await request.get_data(as_text=True), await request.get_data(cache=False, as_text=True)]


@cases.post("/body/text")
async def body_text() -> str:
    return f"{await request.get_data(as_text=True)!r}"


@cases.post("/body/json")
async def body_json() -> dict[str, Any]:
    return {"json": await request.get_json(silent=request.args.get("silent") == "1")}


@cases.post("/body/form")
async def body_form() -> dict[str, Any]:
    values = await request.values
    return {"form": (await request.form).to_dict(flat=False), "values": values.to_dict(flat=False)}


@cases.post("/body/files")
async def body_files() -> dict[str, Any]:
    files = await request.files
    return {
        "form": (await request.form).to_dict(flat=False),
        "files": {name: [file.filename, file.content_type, file.read().hex()] for name, file in files.items()},
    }


@cases.post("/body/iterate")
async def body_iterate() -> dict[str, Any]:
    pieces = [piece async for piece in request.body]
    return {"body": b"".join(pieces).decode()}


@cases.post("/body/await")
async def body_await() -> dict[str, Any]:
    return {"body": len(await request.body), "length": request.content_length}


@cases.post("/body/unread")
async def body_unread() -> str:
    return "unread"

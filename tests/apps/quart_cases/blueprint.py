"""Another blueprint, with hooks and an error handler of its own."""

from quart import Blueprint, url_for

from quart_cases.noting import add_hooks


class BlueprintError(Exception):
    """Has one in a blueprint."""


nested = Blueprint("nested", __name__, url_prefix="/nested")
add_hooks(nested, "Nested")


@nested.errorhandler(BlueprintError)
async def nested_error(error: BlueprintError) -> tuple[str, int]:
    return f"nested: {error}", 410


@nested.get("/")
async def nested_page() -> str:
    return url_for(".nested_page")


@nested.get("/raise")
async def nested_raise() -> str:
    raise BlueprintError("in the blueprint")

"""What an endpoint, a hook or a stream raises, and who handles it."""

from support.quart import Case

HOOKS = ("before_request", "after_request", "teardown_request")
GROUP = ["exception in GET /strict/raise/group", "ValueError: one of a group"]

FAILURES = {
    "abort 404": Case("/abort/404", 404),
    "abort 403": Case("/abort/403", 403),
    "abort 500": Case("/abort/500", 500),
    "abort with a response": Case("/abort/response", 418),
    "exception": Case("/raise/value", 500),
    "exception to HEAD": Case("/raise/value", 500, "HEAD"),
    "exception that has a handler": Case("/raise/known", 409),
    "exception of a blueprint": Case("/nested/raise", 410),
    "exception group": Case("/raise/group", 500),
    "exception group that has a handler": Case("/raise/known%20group", 409),
    "exit": Case("/raise/exit", 500),
    "exit in a stream": Case("/stream/exit", 500),
    "cancelled scope": Case("/raise/cancelled", 500),
    "exception in a nursery": Case("/raise/nursery", 409),
    "propagated exception": Case("/strict/raise/value", 500),
    # Python tells the member of a group twice when a nursery has put the group into another one.
    "propagated exception group": Case("/strict/raise/group", 500, differs={"log": GROUP}),
    "propagated, with a handler": Case("/strict/raise/known", 409),
    "answered before the handler": Case("/nested/?answer=App"),
    "answered by the blueprint": Case("/nested/?answer=Nested"),
    **{
        f"failing {name} {hook}": Case(f"/nested/?fail={name}%20{hook}", 500)
        for name in ("App", "Nested")
        for hook in HOOKS
    },
}

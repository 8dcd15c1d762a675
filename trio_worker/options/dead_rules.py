"""
Rules of a configuration that deny something, in uWSGI's own request handling, which never runs under an override.

Such a rule fails open: what it has denied reaches the app. An operator who has seen to it elsewhere says so by
`trio-accept-dead-rules`, with the names of the options.
"""

import re

# The actions of uWSGI's routing that refuse a request or ask for a password (core/routing.c and its plugins).
_DENYING = re.compile(
    r"(?:^|\s)(?:"
    r"(?:break|return|break-with-status):\s*[45]\d\d"
    r"|break:?\s*$"
    r"|(?:basicauth|ldapauth|radius|spnego)(?:-next)?:"
    r"|access:"
    r")"
)

_ROUTE = re.compile(r"(?:final-|error-|response-)?route(?:-.+)?")


def denies(key: str, value: str) -> bool:
    """Return True for a rule that is dead under an override and denies something."""
    return _ROUTE.fullmatch(key) is not None and _DENYING.search(value) is not None

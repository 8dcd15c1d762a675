"""The output of a uWSGI as a developer wants it: the app's and the workers', without what uWSGI tells of itself."""

import re

# Each line that uWSGI 2.0 says of itself while it starts and ends, so far that no app says the same; `--verbose` shows
# them all.
_CHATTER = re.compile(
    r"""(
      \*\*\*\ (Starting\ uWSGI|Python\ threads\ support\ is|Operational\ MODE:|uWSGI\ is\ running\ in|no\ app\ loaded)
    | \*\*\*\ WARNING:\ you\ are\ running\ uWSGI\ as\ root
    | (compiled\ with\ version|os|nodename|machine|clock\ source|lock\ engine|thunder\ lock|Python\ version):
    | (detected\ number\ of\ CPU\ cores|current\ working\ directory|detected\ binary\ path):
    | detected\ max\ file\ descriptor\ number:\ \d
    | (PEP\ 405\ virtualenv\ detected:|Set\ PythonHome\ to)\ /
    | (pcre\ jit|!!!\ no\ internal\ routing\ support)
    | your\ (processes\ number\ limit|memory\ page\ size|server\ socket\ listen\ backlog|mercy\ for\ graceful)
    | uwsgi\ socket\ \d+\ (bound|inherited)
    | Python\ main\ interpreter\ initialized\ at\ 0x
    | (python\ threads\ support|Python\ auto-reloader)\ enabled
    | mapped\ \d+\ bytes
    | added\ (\S+\ to\ pythonpath\.|custom\ metric:\ )
    | initialized\ \d+\ metrics
    | metrics\ collector\ thread\ started
    | spawned\ uWSGI\ (master|worker)
    | uWSGI\ running\ as\ root
    | WSGI\ app\ \d+\ \(mountpoint=
    | \[uWSGI\]\ getting\ INI\ configuration\ from
    | (running|subprocess\ \d+\ exited|executing)\ .*(unix_signal:|code\ 0$)
    | VACUUM:
    | SIGINT/SIGTERM\ received\.\.\.
    | Gracefully\ killing\ worker\ \d
    | .*\ -\ graceful\ shutdown\ triggered
    | worker\ \d+\ buried\ after
    | OOPS\ !\ failed\ loading\ app\ in\ worker\ \d
    | .*\ -\ need-app\ requested,\ destroying\ the\ instance
    | goodbye\ to\ uWSGI\.
    )""",
    re.VERBOSE,
)


def is_chatter(line: str) -> bool:
    """Return True for a line in which uWSGI tells of itself."""
    return not line.strip() or _CHATTER.match(line) is not None

"""A parser of Nagios performance data, after the grammar of the plugin guidelines, for tests of what a check prints."""

from __future__ import annotations

import re

_RANGE = r"(?:@?(?:(?:~|-?[0-9.]+)?:)?(?:-?[0-9.]+)?)"
_PERF = re.compile(
    r"(?P<label>'(?:[^'=]|'')+'|[^\s'=]+)=(?P<value>U|-?[0-9.]+(?:s|%|c|B)?)"
    rf"(?:;(?P<warning>{_RANGE})(?:;(?P<critical>{_RANGE})(?:;(?P<minimum>-?[0-9.]*)(?:;(?P<maximum>-?[0-9.]*))?)?)?)?"
)


def perf_of(output: str) -> dict[str, str]:
    """Label to value of the first line's performance data. Fails where it does not follow the grammar."""
    found: dict[str, str] = {}
    text, at = output.split("\n", 1)[0].partition(" | ")[2], 0
    while at < len(text):
        match = _PERF.match(text, at)
        assert match, f"not performance data: {text[at:]!r}"
        found[match["label"]] = match["value"]
        at = match.end()
        assert at == len(text) or text[at] == " "
        at += 1
    return found

"""Tracebacks as lines, with the lines of the user's own code marked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_FRAME = re.compile(r'^\s*(?:[|+\s-]*)File "(?P<path>[^"]*)", line \d+')
_FOREIGN = ("/site-packages/", "/dist-packages/", "/lib/python3", "/skunkqueue/", "<frozen ", "<string>")
_OWN = "/skunkqueue/cli/demo_"
"""Modules of ``skunq demo``: their jobs stand for what a user writes."""


class Line(NamedTuple):
    """One line of a traceback."""

    text: str
    kind: str
    """``own`` (a frame of the user's code), ``foreign`` (of a library's) or ``text`` (everything that is not a frame)."""


def lines_of(traceback: str) -> Iterator[Line]:
    """Split a traceback into lines, and mark the frames."""
    kind = "text"
    for line in traceback.splitlines():
        found = _FRAME.match(line)
        if found:
            path = found["path"].replace("\\", "/")
            is_foreign = any(part in path for part in _FOREIGN) and _OWN not in path
            kind = "foreign" if is_foreign else "own"
        elif not line.lstrip("|+- ").strip() or not re.match(r"^[\s|+-]{4}", line):
            # Code below a frame is indented; a message or the next heading is not.
            kind = "text"
        yield Line(line, kind)

"""Cursors of listings: which way each leads, and the names in those that the API makes itself."""

from __future__ import annotations

import base64
import binascii
import json
from typing import NoReturn

from flask import abort

_ONWARD, _BACKWARD = "n", "p"
"""What cursors begin with, by the direction in which they lead."""


def directions(cursor: str | None) -> tuple[str | None, str | None]:
    """Return the cursor of what comes after, or of what comes before, without the mark of its direction."""
    if cursor is None:
        return None, None
    if cursor[0] not in (_ONWARD, _BACKWARD):
        refuse(cursor)
    return (cursor[1:], None) if cursor[0] == _ONWARD else (None, cursor[1:])


def onward(cursor: str | None) -> str | None:
    """Mark a cursor of what comes after."""
    return None if cursor is None else f"{_ONWARD}{cursor}"


def backward(cursor: str | None) -> str | None:
    """Mark a cursor of what comes before."""
    return None if cursor is None else f"{_BACKWARD}{cursor}"


def write_names(*names: str) -> str:
    """Write a cursor of names, such as those of a queue and of the last route on a page."""
    # Written as escapes, a character would take up to three times as many bytes, and long names be over LONGEST_CURSOR.
    return base64.urlsafe_b64encode(json.dumps(names, ensure_ascii=False).encode()).decode().rstrip("=")


def read_names(cursor: str | None, number: int) -> tuple[str, ...] | None:
    """Read a cursor of so many names; one that no page has given is answered with a problem."""
    if cursor is None:
        return None
    try:
        names = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        # JSON can carry half of a surrogate pair, but no store can.
        "".join(names).encode()
    except (ValueError, TypeError, binascii.Error, RecursionError):
        refuse(cursor)
    if not isinstance(names, list) or len(names) != number:
        refuse(cursor)
    return tuple(names)


def read_pair(cursor: str | None) -> tuple[str, str] | None:
    """Read a cursor of two names."""
    names = read_names(cursor, 2)
    return None if names is None else (names[0], names[1])


def refuse(cursor: str) -> NoReturn:
    """Answer that no page has given this cursor."""
    abort(404, f"cursor={cursor[:60]!r} is not one of this listing: begin at the first page")

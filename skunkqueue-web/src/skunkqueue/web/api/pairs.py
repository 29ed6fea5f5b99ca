"""Cursors that are two names: of a queue, and of what comes last on a page."""

from __future__ import annotations

import base64
import binascii
import json

from flask import abort


def write_pair(place: tuple[str, str]) -> str:
    """Write a cursor."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def read_pair(cursor: str) -> tuple[str, str]:
    """Read a cursor; one that no page has given is answered with a problem."""
    try:
        found = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        queue, name = found
        # JSON can carry half of a surrogate pair, but no store can.
        f"{queue}{name}".encode()
    except (ValueError, TypeError, binascii.Error, RecursionError):
        queue = name = None
    if not isinstance(queue, str) or not isinstance(name, str):
        abort(404, f"cursor={cursor[:60]!r} is not one of this listing: begin at the first page")
    return queue, name

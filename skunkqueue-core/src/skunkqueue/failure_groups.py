"""Groups of failures that are alike: by job, type of error and beginning of the message. Reads nothing."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence

from skunkqueue.listings import Row

ALIKE = 40
"""Characters at the start of a message that must be alike in a group, digits left out."""
_VARYING = re.compile(r"0x[0-9a-fA-F]+|\d+")
"""What may differ between two messages of one cause: numbers, ids, addresses."""


def grouped(rows: Sequence[Row], *, by_message: bool = True) -> list[list[Row]]:
    """Group failures by job and type of error, the largest group first; within a group as they came.

    ``by_message``: their messages must begin alike, too, numbers left out.
    """
    found: dict[Hashable, list[Row]] = {}
    for row in rows:
        kind, message = parts_of(row)
        alike = _VARYING.sub("#", message)[:ALIKE] if by_message else ""
        found.setdefault((row.job, kind, alike), []).append(row)
    return sorted(found.values(), key=len, reverse=True)


def parts_of(row: Row) -> tuple[str, str]:
    """Part an error line into type and message; a failure that an older version recorded without one has neither."""
    kind, _, message = (row.error or "").partition(":")
    return kind.strip(), message.strip()

"""Groups of failures that are alike: reads a bounded number of failures, newest first. Prints nothing."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from typing import NamedTuple

from skunkqueue.listings import MAX_ROWS, Query, Row
from skunkqueue.persistence.backend import Backend

MOST_LOOKED = 10_000
"""How many of the newest failures are grouped where somebody waits for the answer."""
ALIKE = 40
"""Characters at the start of a message that must be alike in a group, digits left out."""
_VARYING = re.compile(r"0x[0-9a-fA-F]+|\d+")
"""What may differ between two messages of one cause: numbers, ids, addresses."""


class Failures(NamedTuple):
    """Failures that were read."""

    rows: list[Row]
    """Newest first."""
    looked: int
    more: bool
    """Whether there are older ones, which were not read."""


def read(store: Backend, query: Query, most: int) -> Failures:
    """Read what matches; ``query`` is for failures, newest first. Looks at no more than about ``most``."""
    rows: list[Row] = []
    looked, cursor = 0, None
    while True:
        page = store.rows(query, min(MAX_ROWS, most - looked), cursor)
        rows += page.rows
        looked += max(page.looked, len(page.rows))
        cursor = page.next
        if cursor is None or looked >= most:
            return Failures(rows, looked, cursor is not None)


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

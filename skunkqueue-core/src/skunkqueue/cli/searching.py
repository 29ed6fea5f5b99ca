"""Text in the arguments of firings: reads bodies, a hundred at a time. Knows no filter and prints nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from skunkqueue.cli.views import body_of, call_line
from skunkqueue.listings import Row
from skunkqueue.persistence.backend import Backend

AT_ONCE = 100
"""Bodies that are read in one step."""


def with_text(store: Backend, rows: Sequence[Row], text: str) -> list[Row]:
    """Return those of these firings that have a text in their calls, as people are shown these; case does not matter."""
    wanted = text.casefold()
    return [row for batch in _batches(rows) for row in _matching(store, batch, wanted)]


def _matching(store: Backend, rows: Sequence[Row], wanted: str) -> Iterator[Row]:
    for row, record in zip(rows, store.get([row.id for row in rows]), strict=True):
        body = None if record is None else body_of(record)
        if body is not None and any(wanted in call_line(step).casefold() for step in body.steps):
            yield row


def _batches(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    for start in range(0, len(rows), AT_ONCE):
        yield rows[start : start + AT_ONCE]

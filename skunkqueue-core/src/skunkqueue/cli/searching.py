"""Text in the arguments of firings: reads bodies, a hundred or some megabytes at a time. Knows no filter and prints nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from skunkqueue.cli.views import body_of, call_line
from skunkqueue.listings import Row
from skunkqueue.persistence.backend import Backend

AT_ONCE = 100
"""Firings that are read in one step, at most."""
MOST_BYTES = 4 << 20
"""Bytes of their bodies and results, at most, but of one firing."""


def with_text(store: Backend, rows: Sequence[Row], text: str) -> list[Row]:
    """Return those of these firings that have a text in their calls, as people are shown these; case does not matter."""
    wanted = text.casefold()
    return [row for batch in batches(rows) for row in _matching(store, batch, wanted)]


def batches(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Divide firings into those that are read in one step, since each may be large."""
    batch: list[Row] = []
    size = 0
    for row in rows:
        size += row.body_size + row.result_size
        if batch and (len(batch) == AT_ONCE or size > MOST_BYTES):
            yield batch
            batch, size = [], row.body_size + row.result_size
        batch.append(row)
    if batch:
        yield batch


def _matching(store: Backend, rows: Sequence[Row], wanted: str) -> Iterator[Row]:
    for row, record in zip(rows, store.get([row.id for row in rows]), strict=True):
        body = None if record is None else body_of(record)
        if body is not None and any(wanted in call_line(step).casefold() for step in body.steps):
            yield row

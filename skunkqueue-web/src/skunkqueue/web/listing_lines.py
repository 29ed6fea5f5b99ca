"""Rows of a listing as they are shown: the time that matters in their state, and the most important note."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from skunkqueue.cli.text import plural
from skunkqueue.cli.views import share_of, waits_line
from skunkqueue.listings import Row
from skunkqueue.records import State
from skunkqueue.web.redaction import Redactor

NO_WORKER = "no worker on its route"


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One firing in a table."""

    row: Row
    verb: str
    """What happened, or will, at ``at``: ``due``, ``began`` or ``finished``."""
    at: float | None
    seconds: float | None
    """How long it ran, or has run."""
    note: str
    """What it waits for, how far it is, or why it failed."""
    share: float | None
    """How much of it is done, 0 to 1; ``None``: not known."""
    is_late: bool
    """It is due, and waits for its turn."""
    is_stuck: bool
    """It is pending, and no worker listens on its route."""


def lines(
    rows: Sequence[Row], now: float, redactor: Redactor, working: Collection[tuple[str, str]]
) -> list[Line]:
    """Make the lines of a page; ``working``: queues and routes with a live worker. Errors are shown as plugins redact them."""
    return [
        _line(row, now, error, has_worker=(row.queue, row.route) in working)
        for row, error in zip(rows, redactor.errors(rows), strict=True)
    ]


def _line(row: Row, now: float, error: str | None, *, has_worker: bool) -> Line:
    verb, at, seconds, note, share = "finished", row.finished, row.took, error or "", None
    if row.state is State.PENDING:
        verb, at, seconds = "due", row.due, None
        note = waits_line(row.waits, error)
        if not has_worker:
            # Also where it waits for something else first: nobody would begin it then.
            note = NO_WORKER if row.waits == "turn" else f"{note}; {NO_WORKER}"
        if row.deaths:
            note = f"{note}; {plural(row.deaths, 'death')}"
    elif row.state is State.RUNNING:
        verb, at = "began", row.began
        seconds = None if row.began is None else max(now - row.began, 0.0)
        if row.progress is not None:
            done, total = row.progress
            note = share_of(done, total)
            share = min(max(done / total, 0.0), 1.0) if total else None
    return Line(
        row=row,
        verb=verb,
        at=at,
        seconds=seconds,
        note=note,
        share=share,
        is_late=row.state is State.PENDING and row.waits == "turn",
        is_stuck=row.state is State.PENDING and not has_worker,
    )

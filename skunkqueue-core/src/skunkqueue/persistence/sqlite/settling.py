"""Handing in outcomes: what is stale, what is finished, what runs again, and what follows.

Every function here runs inside a transaction somebody else began, and takes the time as an argument.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, NamedTuple

from skunkqueue.counters import tally
from skunkqueue.persistence.sqlite import ending, firings, leases, routes, schedules
from skunkqueue.persistence.sqlite.schema import COMPLETE, ERROR, EXPIRED, KILLED, PENDING, RUNNING
from skunkqueue.records import Firing, Outcome, Verdict

_FINAL = {
    Verdict.COMPLETE: COMPLETE,
    Verdict.ERROR: ERROR,
    Verdict.KILLED: KILLED,
    Verdict.EXPIRED: EXPIRED,
}
_DONE = (
    "INSERT INTO done (id, state, began, finished, chunk, token, holder, carry, result)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_AGAIN = "UPDATE firing SET token = ?, holder = ?, due = coalesce(?, due), carry = coalesce(?, carry) WHERE id = ?"


class _Batch:
    """What one call of ``settle`` gathers, to be written at once."""

    __slots__ = ("carries", "chunks", "counters", "counts", "due_again", "now")

    def __init__(self, now: float) -> None:
        self.now = now
        self.chunks: dict[tuple[int, int, float | None], list[tuple[Any, ...]]] = {}
        self.counts: dict[int, dict[int, int]] = {}
        self.counters: dict[int, dict[str, float]] = {}
        self.due_again: list[tuple[Any, ...]] = []
        self.carries: list[tuple[bytes, str]] = []


class Settled(NamedTuple):
    """What one call of ``settle`` did, as far as others must hear of it."""

    stale: list[str]
    final: bool
    """Some firings are finished."""
    touched: set[int]
    """Routes on which firings are pending again."""
    followed: set[tuple[str, str]]
    """Routes of what was enqueued, by name."""


def settle(db: sqlite3.Connection, outcomes: Sequence[Outcome], now: float) -> Settled:
    """Settle what is not stale, with all that follows from it."""
    stale: list[str] = []
    batch = _Batch(now)
    held: dict[int, leases.Lease | None] = {}
    settled: list[Outcome] = []
    keyed: list[tuple[str]] = []
    for outcome in outcomes:
        token = outcome.token
        if token in held:
            lease = held[token]
        else:
            lease = held[token] = leases.by_token(db, token)
        due = None if lease is None else lease.held.pop(outcome.id, None)
        if lease is None or due is None:
            stale.append(outcome.id)
            continue
        if outcome.verdict is Verdict.ADVANCE:
            lease.held[outcome.id] = due
            if outcome.carry is not None:
                batch.carries.append((outcome.carry, outcome.id))
        else:
            _note(batch, lease, outcome, due)
            if lease.special & leases.KEYED and outcome.verdict in _FINAL:
                keyed.append((outcome.id,))
        if outcome.follow or outcome.refire is not None:
            settled.append(outcome)
    for lease in held.values():
        if lease is not None:
            leases.save(db, lease)
    if keyed:
        db.executemany("DELETE FROM keyed WHERE id = ?", keyed)
    _write(db, batch)
    followed: list[Firing] = []
    touched: set[tuple[str, str]] = set()
    for outcome in settled:
        followed.extend(outcome.follow)
        if outcome.refire is not None:
            armed = schedules.refire(db, outcome.id, outcome.refire, now)
            if armed is not None:
                touched.add((armed.queue, armed.route))
    if followed:
        firings.put_checked(db, followed, now)
        touched.update((firing.queue, firing.route) for firing in followed)
    return Settled(
        stale=stale,
        final=bool(batch.chunks),
        touched={route for route, counts in batch.counts.items() if PENDING in counts},
        followed=touched,
    )


def _note(batch: _Batch, lease: leases.Lease, outcome: Outcome, due: float) -> None:
    verdict = outcome.verdict
    counts = batch.counts.setdefault(lease.route, {})
    counts[RUNNING] = counts.get(RUNNING, 0) - 1
    state = _FINAL.get(verdict)
    if state is None:
        counts[PENDING] = counts.get(PENDING, 0) + 1
        again = outcome.due
        if again is None and (verdict is not Verdict.RELEASE or outcome.delay):
            again = batch.now + outcome.delay
        batch.due_again.append((lease.token, lease.holder, again, outcome.carry, outcome.id))
    else:
        counts[state] = counts.get(state, 0) + 1
        began = outcome.began
        row = (outcome.id, state, began, lease.token, lease.holder, outcome.carry, outcome.result)
        batch.chunks.setdefault((lease.route, state, outcome.ttl), []).append(row)
    tally(batch.counters.setdefault(lease.route, {}), verdict, due, outcome.began, outcome.took)


def _write(db: sqlite3.Connection, batch: _Batch) -> None:
    now = batch.now
    for (route, state, ttl), rows in batch.chunks.items():
        chunk = ending.file_away(db, route, state, [row[0] for row in rows], now, ttl)
        db.executemany(
            _DONE,
            [(id_, state, began, now, chunk, token, holder, carry, result)
             for id_, _, began, token, holder, carry, result in rows],
        )  # fmt: skip
    if batch.carries:
        db.executemany("UPDATE firing SET carry = ? WHERE id = ?", batch.carries)
    if batch.due_again:
        db.executemany(_AGAIN, batch.due_again)
        leases.to_pending(db, [row[-1] for row in batch.due_again])
    for route, counts in batch.counts.items():
        routes.settled(db, route, counts, batch.counters[route], now)

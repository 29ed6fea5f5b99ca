"""Histories of schedules: a batch of runs is noted in one row, and sorted by schedule later.

To add a run to each of a hundred histories changes a hundred pages. Runs of many batches that are added together share
these pages. A reader of a history reads the sorted runs, and after them those that are only noted.

Every function here runs inside a transaction that its caller began.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from skunkqueue.persistence.backend import HISTORY_LENGTH
from skunkqueue.persistence.sqlite.statements import insert
from skunkqueue.records import Run

_Place = tuple[str, str]
"""Queue and name of a schedule."""
MANY = 50
"""How many batches are noted before the next one sorts them all."""
_PRUNE_EVERY = 10
"""Every so many runs a history is cut to its length; each time costs a walk through it."""
_INSERT = "INSERT INTO history (queue, name, run)"
_PRUNE = (
    "DELETE FROM history WHERE queue = ? AND name = ? AND no <="
    " (SELECT no FROM history WHERE queue = ? AND name = ? ORDER BY no DESC LIMIT 1 OFFSET ?)"
)


class Batch(msgspec.Struct, array_like=True):
    """Runs that ended together: columns, since these are read several times as fast as rows."""

    queues: list[str] = []
    names: list[str] = []
    before: list[int] = []
    """How many runs each schedule had before."""
    runs: list[Run] = []

    def add(self, place: _Place, before: int, run: Run) -> None:
        """Add a run."""
        self.queues.append(place[0])
        self.names.append(place[1])
        self.before.append(before)
        self.runs.append(run)


class _Noted(msgspec.Struct, array_like=True):
    """The same, with each run as it is stored."""

    queues: list[str]
    names: list[str]
    before: list[int]
    runs: list[msgspec.Raw]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Noted).decode
_decode_run = msgspec.msgpack.Decoder(Run).decode


def note(db: sqlite3.Connection, batch: Batch) -> None:
    """Note runs that ended now, and sort all that is noted from time to time."""
    if not batch.runs:
        return
    number = db.execute("INSERT INTO ran (runs) VALUES (?)", (_encode(batch),)).lastrowid
    # Numbers begin at 1 again whenever the table was emptied.
    if number is not None and number >= MANY:
        sort_all(db)


def sort_all(db: sqlite3.Connection) -> None:
    """Add what is noted to the histories it belongs to."""
    runs: dict[_Place, list[msgspec.Raw]] = {}
    full: set[_Place] = set()
    for batch in _noted(db):
        for place, before, run in zip(zip(batch.queues, batch.names), batch.before, batch.runs):  # noqa: B905 - as made
            if place in runs:
                runs[place].append(run)
            else:
                runs[place] = [run]
            if before >= HISTORY_LENGTH and before % _PRUNE_EVERY == 0:
                full.add(place)
    # In the order of schedules, so that runs on the same page are written together.
    insert(db, _INSERT, [(*place, run) for place in sorted(runs) for run in runs[place]])
    db.executemany(_PRUNE, [(*place, *place, HISTORY_LENGTH) for place in sorted(full)])
    db.execute("DELETE FROM ran")


def forget(db: sqlite3.Connection, queue: str, name: str) -> None:
    """Forget the runs of a schedule."""
    sort_all(db)
    db.execute("DELETE FROM history WHERE queue = ? AND name = ?", (queue, name))


def of_each(db: sqlite3.Connection, names: Sequence[_Place]) -> list[list[Run]]:
    """Read the last runs of schedules, oldest first."""
    noted: dict[_Place, list[msgspec.Raw]] = {place: [] for place in names}
    for batch in _noted(db):
        for place, run in zip(zip(batch.queues, batch.names), batch.runs):  # noqa: B905 - as above
            if place in noted:
                noted[place].append(run)
    return [_of(db, place, noted[place]) for place in names]


def _of(db: sqlite3.Connection, place: _Place, noted: Sequence[msgspec.Raw]) -> list[Run]:
    rows = db.execute(
        "SELECT run FROM history WHERE queue = ? AND name = ? ORDER BY no DESC LIMIT ?",
        (*place, HISTORY_LENGTH),
    ).fetchall()
    runs = [*(row[0] for row in reversed(rows)), *noted]
    return [_decode_run(run) for run in runs[-HISTORY_LENGTH:]]


def _noted(db: sqlite3.Connection) -> list[_Noted]:
    """Read what is not sorted yet, oldest first."""
    return [_decode(row[0]) for row in db.execute("SELECT runs FROM ran ORDER BY no").fetchall()]

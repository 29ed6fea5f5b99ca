"""Counters of minutes and hours that are over, of each job and of each route, and the samples of its line.

Every function here runs inside a transaction somebody else began.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from skunkqueue.counters import SAMPLES, Counters, add
from skunkqueue.persistence.asking import HOURS_KEPT, MINUTES_KEPT

MINUTE, HOUR, EVER = 60, 3_600, 0
Values = dict[str, float]
Running = Sequence[tuple[str, int, Values]]
"""What jobs have counted in the minute that runs: name, minute and counters."""

_decode = msgspec.msgpack.Decoder(Values).decode
encode = msgspec.msgpack.Encoder().encode


def added(left: bytes | None, right: Mapping[str, float]) -> Values:
    """Add counters to others as they are stored."""
    total = {} if left is None else _decode(left)
    add(total, right)
    return total


def file(db: sqlite3.Connection, job: int, route: int, minute: int, values: Mapping[str, float]) -> None:
    """Add what was counted in a minute that is over to all that it belongs to."""
    begin = MINUTE * minute
    hour = begin - begin % HOUR
    for length, at in ((MINUTE, begin), (HOUR, hour), (EVER, 0)):
        _add(db, "tally", (job, length, at), values)
    for length, at in ((MINUTE, begin), (HOUR, hour)):
        _add(db, "period", (route, length, at), values)


def _add(db: sqlite3.Connection, table: str, key: tuple[int, int, int], values: Mapping[str, float]) -> None:
    owner = "owner" if table == "tally" else "route"
    row = db.execute(
        f"SELECT tallies FROM {table} WHERE {owner} = ? AND length = ? AND begin = ?",  # noqa: S608 - constants
        key,
    ).fetchone()
    total = added(None if row is None else row[0], values)
    db.execute(
        f"REPLACE INTO {table} ({owner}, length, begin, tallies) VALUES (?, ?, ?, ?)",  # noqa: S608 - constants
        (*key, encode(total)),
    )


def sample(db: sqlite3.Connection, route: int, values: Mapping[str, float], now: float) -> bool:
    """Keep a sample of this minute; False where there is one."""
    begin = int(now // MINUTE) * MINUTE
    row = db.execute(
        "SELECT tallies FROM period WHERE route = ? AND length = ? AND begin = ?", (route, MINUTE, begin)
    ).fetchone()
    if row is not None and SAMPLES[0] in _decode(row[0]):
        return False
    for length in (MINUTE, HOUR):
        _add(db, "period", (route, length, begin - begin % length), values)
    return True


def read(
    db: sqlite3.Connection,
    name: tuple[str, str],
    route: int,
    span: tuple[float, float],
    length: int,
    *,
    running: Running,
) -> list[Counters]:
    """Read a route's minutes or hours, of all jobs together, oldest first."""
    found: dict[int, Values] = {
        begin: _decode(values)
        for begin, values in db.execute(
            "SELECT begin, tallies FROM period WHERE route = ? AND length = ? AND begin >= ? AND begin < ?",
            (route, length, *span),
        )
    }
    for _, minute, values in running:
        begin = MINUTE * minute
        begin -= begin % length
        if span[0] <= begin < span[1]:
            add(found.setdefault(begin, {}), values)
    return [_counters(name, None, begin, found[begin]) for begin in sorted(found)]


def read_jobs(
    db: sqlite3.Connection,
    name: tuple[str, str],
    route: int,
    span: tuple[float, float],
    length: int,
    *,
    running: Running,
) -> list[Counters]:
    """Read a route's minutes or hours for each job, oldest first and by name."""
    found: dict[tuple[int, str], Values] = {
        (begin, job): _decode(values)
        for begin, job, values in db.execute(
            "SELECT t.begin, j.name, t.tallies FROM job j JOIN tally t ON t.owner = j.no"
            " WHERE j.route = ? AND t.length = ? AND t.begin >= ? AND t.begin < ?",
            (route, length, *span),
        )
    }
    for job, minute, values in running:
        begin = MINUTE * minute
        begin -= begin % length
        if span[0] <= begin < span[1]:
            add(found.setdefault((begin, job), {}), values)
    return [_counters(name, job, begin, found[begin, job]) for begin, job in sorted(found)]


def total(db: sqlite3.Connection, job: int) -> Values:
    """Read what a job had counted before the minute that runs."""
    row = db.execute(
        "SELECT tallies FROM tally WHERE owner = ? AND length = 0 AND begin = 0", (job,)
    ).fetchone()
    return added(None if row is None else row[0], {})


def drop_old(db: sqlite3.Connection, now: float) -> None:
    """Forget minutes and hours past their time."""
    for length, kept in ((MINUTE, MINUTES_KEPT), (HOUR, HOURS_KEPT)):
        oldest = (now - kept) // length * length
        for table, owner, owners in (
            ("tally", "owner", _numbers(db, "job")),
            ("period", "route", _numbers(db, "route")),
        ):
            db.executemany(
                f"DELETE FROM {table} WHERE {owner} = ? AND length = ? AND begin < ?",  # noqa: S608 - constants
                [(one, length, oldest) for one in owners],
            )


def _numbers(db: sqlite3.Connection, table: str) -> Iterable[int]:
    return [row[0] for row in db.execute(f"SELECT no FROM {table}")]  # noqa: S608 - constants


def _counters(name: tuple[str, str], job: str | None, begin: int, values: Values) -> Counters:
    return Counters(queue=name[0], route=name[1], job=job, begin=float(begin), values=values)

"""How firings leave the line: filed away as finished, killed while pending, or removed.

Every function here runs inside a transaction somebody else began, and takes the time as an argument.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Sequence

import msgspec

from skunkqueue.persistence import rules
from skunkqueue.persistence.listing import error_type
from skunkqueue.persistence.sqlite import jobs
from skunkqueue.persistence.sqlite.schema import ERROR_MARK, KEY_MARK, KILLED, STATES, TAG_MARK
from skunkqueue.records import State


def file_away(
    db: sqlite3.Connection,
    route: int,
    job: int,
    state: int,
    ids: Sequence[str],
    *,
    now: float,
    ttl: float | None = None,
) -> int:
    """List ids of one job as finished now; return the number of the chunk they are in."""
    ttl = rules.kept_for(State(STATES[state]), ttl)
    row = db.execute(
        "SELECT max(chunk) FROM ended WHERE route = ? AND state = ? AND finished = ?", (route, state, now)
    ).fetchone()
    chunk = 0 if row[0] is None else int(row[0]) + 1
    db.execute(
        "INSERT INTO ended (route, state, finished, chunk, gone, ids, job) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (route, state, now, chunk, now + ttl, ",".join(ids), job),
    )
    return chunk


def marks_of(
    id_: str, now: float, key: str | None, tags: Iterable[str], error: str | None
) -> list[tuple[int, str, float, str]]:
    """List the marks by which a firing that finishes now is found."""
    marks = [(TAG_MARK, tag, now, id_) for tag in tags]
    if key is not None:
        marks.append((KEY_MARK, key, now, id_))
    if error is not None:
        marks.append((ERROR_MARK, error_type(error) or "", now, id_))
    return marks


def mark(db: sqlite3.Connection, marks: Iterable[tuple[int, str, float, str]]) -> None:
    """Have finished firings found by what they have."""
    db.executemany("INSERT OR IGNORE INTO mark (kind, word, finished, id) VALUES (?, ?, ?, ?)", marks)


def mark_stored(db: sqlite3.Connection, ids: Iterable[str], now: float) -> None:
    """Do so for firings of which only the store knows what they have."""
    for id_ in ids:
        key, label, error = db.execute("SELECT key, label, error FROM firing WHERE id = ?", (id_,)).fetchone()
        mark(db, marks_of(id_, now, key, jobs.decoded(label)[0], error))


def unmark(db: sqlite3.Connection, ids: Iterable[str]) -> None:
    """Undo this, while the firings are still there."""
    rows = db.execute(
        "SELECT d.id, d.finished, f.key, f.label, coalesce(d.error, f.error) FROM json_each(?) j CROSS JOIN done d ON d.id = j.value"
        " CROSS JOIN firing f ON f.id = d.id WHERE f.key IS NOT NULL OR f.label IS NOT NULL OR d.error IS NOT NULL"
        " OR f.error IS NOT NULL",
        (msgspec.json.encode(list(ids)).decode(),),
    ).fetchall()
    for id_, finished, key, label, error in rows:
        db.executemany(
            "DELETE FROM mark WHERE kind = ? AND word = ? AND finished = ? AND id = ?",
            marks_of(id_, finished, key, jobs.decoded(label)[0], error),
        )


def pending_among(db: sqlite3.Connection, ids: Iterable[str]) -> list[tuple[str, int]]:
    """Those of the ids that are pending, each with its route."""
    found = []
    for id_ in ids:
        for table in ("ready", "aimed"):
            row = db.execute(
                f"SELECT f.id, f.route FROM firing f JOIN {table} r USING (route, rank, due, id) WHERE f.id = ?",  # noqa: S608 - constants
                (id_,),
            ).fetchone()
            if row is not None:
                found.append((row[0], row[1]))
                break
    return found


def out_of_line(db: sqlite3.Connection, ids: Collection[str]) -> None:
    """Take pending firings out of the line and free their keys."""
    rows = [(id_,) for id_ in ids]
    for table in ("ready", "aimed"):
        db.executemany(
            f"DELETE FROM {table} WHERE (route, rank, due, id) ="  # noqa: S608 - constants
            " (SELECT route, rank, due, id FROM firing WHERE id = ?)",
            rows,
        )
    db.executemany("DELETE FROM keyed WHERE id = ?", rows)


def kill_pending(db: sqlite3.Connection, found: Iterable[tuple[str, int]], now: float) -> int:
    """End pending firings (with their routes) as killed; return how many."""
    by_route: dict[int, list[str]] = {}
    for id_, route in found:
        by_route.setdefault(route, []).append(id_)
    of_jobs = [
        (route, job, ids)
        for route, listed in by_route.items()
        for job, ids in jobs.of_firings(db, msgspec.json.encode(listed).decode()).items()
    ]
    for route, job, ids in of_jobs:
        out_of_line(db, ids)
        chunk = file_away(db, route, job, KILLED, ids, now=now)
        db.executemany(
            "INSERT INTO done (id, state, finished, chunk, token, holder)"
            " SELECT id, ?, ?, ?, token, holder FROM firing WHERE id = ?",
            [(KILLED, now, chunk, id_) for id_ in ids],
        )
        mark_stored(db, ids, now)
        jobs.counted(db, job, {jobs.LIVE: -len(ids), KILLED: len(ids)}, {"killed": len(ids)}, now)
    return sum(map(len, by_route.values()))


def forget_pending(db: sqlite3.Connection, ids: Iterable[str]) -> int:
    """Remove those of the ids that are pending; return how many."""
    found = [id_ for id_, _ in pending_among(db, ids)]
    out_of_line(db, found)
    for job, listed in jobs.of_firings(db, msgspec.json.encode(found).decode()).items():
        db.executemany("DELETE FROM firing WHERE id = ?", [(id_,) for id_ in listed])
        jobs.shift(db, job, {jobs.LIVE: -len(listed)})
    return len(found)


def forget_finished(db: sqlite3.Connection, place: tuple[int, int, float, int], ids: Sequence[str]) -> None:
    """Remove finished firings of one chunk, which is at route, state, time and number."""
    rows = [(id_,) for id_ in ids]
    listed = msgspec.json.encode(ids).decode()
    unmark(db, ids)
    of_jobs = jobs.of_firings(db, listed)
    db.executemany("DELETE FROM done WHERE id = ?", rows)
    db.executemany("DELETE FROM firing WHERE id = ?", rows)
    take_from_chunk(db, place, set(ids))
    for job, mine in of_jobs.items():
        jobs.shift(db, job, {place[1]: -len(mine)})


def is_live(db: sqlite3.Connection, id_: str) -> bool:
    """Say whether a firing is pending or running."""
    row = db.execute(
        "SELECT 1 FROM firing WHERE id = ? AND NOT EXISTS (SELECT 1 FROM done WHERE done.id = firing.id)",
        (id_,),
    ).fetchone()
    return row is not None


def take_from_chunk(db: sqlite3.Connection, place: tuple[int, int, float, int], ids: set[str]) -> None:
    """Strike finished firings off the list of their chunk, which is at route, state, time and number."""
    where = "route = ? AND state = ? AND finished = ? AND chunk = ?"
    row = db.execute(f"SELECT ids FROM ended WHERE {where}", place).fetchone()  # noqa: S608 - constants
    if row is None:
        return
    left = [id_ for id_ in row[0].split(",") if id_ not in ids]
    if left:
        db.execute(f"UPDATE ended SET ids = ? WHERE {where}", (",".join(left), *place))  # noqa: S608 - constants
    else:
        db.execute(f"DELETE FROM ended WHERE {where}", place)  # noqa: S608 - constants

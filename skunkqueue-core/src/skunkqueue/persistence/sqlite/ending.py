"""How firings leave the line: filed away as finished, killed while pending, or removed.

Every function here runs inside a transaction somebody else began, and takes the time as an argument.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Sequence

from skunkqueue.persistence import rules
from skunkqueue.persistence.sqlite import routes
from skunkqueue.persistence.sqlite.schema import KILLED, PENDING, STATES
from skunkqueue.records import State


def file_away(
    db: sqlite3.Connection,
    route: int,
    state: int,
    ids: Sequence[str],
    *,
    now: float,
    ttl: float | None = None,
) -> int:
    """List ids as finished now; return the number of the chunk they are in."""
    ttl = rules.kept_for(State(STATES[state]), ttl)
    row = db.execute(
        "SELECT max(chunk) FROM ended WHERE route = ? AND state = ? AND finished = ?", (route, state, now)
    ).fetchone()
    chunk = 0 if row[0] is None else int(row[0]) + 1
    db.execute(
        "INSERT INTO ended (route, state, finished, chunk, gone, ids) VALUES (?, ?, ?, ?, ?, ?)",
        (route, state, now, chunk, now + ttl, ",".join(ids)),
    )
    return chunk


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
    for route, ids in by_route.items():
        out_of_line(db, ids)
        chunk = file_away(db, route, KILLED, ids, now=now)
        db.executemany(
            "INSERT INTO done (id, state, finished, chunk, token, holder)"
            " SELECT id, ?, ?, ?, token, holder FROM firing WHERE id = ?",
            [(KILLED, now, chunk, id_) for id_ in ids],
        )
        routes.settled(db, route, {PENDING: -len(ids), KILLED: len(ids)}, {"killed": len(ids)}, now)
    return sum(map(len, by_route.values()))


def forget_pending(db: sqlite3.Connection, ids: Iterable[str]) -> int:
    """Remove those of the ids that are pending; return how many."""
    found = pending_among(db, ids)
    out_of_line(db, [id_ for id_, _ in found])
    for id_, route in found:
        db.execute("DELETE FROM firing WHERE id = ?", (id_,))
        routes.shift(db, route, {PENDING: -1})
    return len(found)


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

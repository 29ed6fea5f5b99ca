"""How firings leave the line: listed as finished, killed while pending, or removed.

Every function here runs inside a transaction that its caller began, and takes the time as an argument.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Sequence

from skunkqueue.persistence import listing, rules
from skunkqueue.persistence.sqlite import jobs, tallies
from skunkqueue.persistence.sqlite.schema import ERROR_TYPE, KEY, KILLED, MIXED, STATES, TAG
from skunkqueue.records import State


class Filing:
    """Lists firings of a route that finish now, all by few statements."""

    def __init__(self, db: sqlite3.Connection, route: int, now: float) -> None:
        self._db = db
        self._route = route
        self.now = now
        self.mixed: list[tuple[int, float, int, Sequence[int]]] = []
        """Chunks of firings that were added with a job each: state, time, chunk, jobs."""
        self._chunks: dict[int, int] = {}
        self._rows: list[tuple[object, ...]] = []

    def add(
        self,
        job: int | Sequence[int],
        state: int,
        ids: Sequence[str],
        *,
        ttl: float | None = None,
        words: bool,
    ) -> int:
        """Take ids of one state, and of one job or of a job each; return the number of the chunk they will be in.

        ``words``: the caller calls ``index_words`` for them.
        """
        chunk = self._chunks.get(state)
        if chunk is None:
            row = self._db.execute(
                "SELECT max(chunk) FROM ended WHERE route = ? AND state = ? AND finished = ?",
                (self._route, state, self.now),
            ).fetchone()
            chunk = 0 if row[0] is None else int(row[0]) + 1
        self._chunks[state] = chunk + 1
        gone = self.now + rules.kept_for(State(STATES[state]), ttl)
        if isinstance(job, int):
            of, each = job, None
        else:
            of, each = MIXED, ",".join(map(str, job))
            self.mixed.append((state, self.now, chunk, sorted(set(job))))
        self._rows.append((self._route, state, self.now, chunk, of, words, gone, each, ",".join(ids)))
        return chunk

    def write(self) -> None:
        """Write the rows."""
        self._db.executemany(
            "INSERT INTO ended (route, state, finished, chunk, job, words, gone, jobs, ids)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            self._rows,
        )


def index_words(db: sqlite3.Connection, ids: Collection[str]) -> None:
    """Let finished firings be found by their tags, key and type of error."""
    db.executemany(
        "INSERT INTO word (kind, text, finished, id) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        _words(db, ids),
    )


def forget_words(db: sqlite3.Connection, ids: Collection[str]) -> None:
    """Undo ``index_words``; called before the rows of the firings are removed."""
    db.executemany(
        "DELETE FROM word WHERE kind = ? AND text = ? AND finished = ? AND id = ?", _words(db, ids)
    )


def _words(db: sqlite3.Connection, ids: Collection[str]) -> list[tuple[int, str, float, str]]:
    found: list[tuple[int, str, float, str]] = []
    for id_, finished, key, tags, error in db.execute(
        "SELECT f.id, d.finished, f.key, f.tags, coalesce(d.error, f.error) FROM json_each(?) j"
        " CROSS JOIN firing f ON f.id = j.value JOIN done d ON d.id = f.id"
        " WHERE f.key IS NOT NULL OR f.tags IS NOT NULL OR d.error IS NOT NULL OR f.error IS NOT NULL",
        (json.dumps(list(ids)),),
    ):
        if key is not None:
            found.append((KEY, key, finished, id_))
        found += [(TAG, tag, finished, id_) for tag in set(jobs.tags_of(tags))]
        if error is not None:
            found.append((ERROR_TYPE, listing.error_type(error) or "", finished, id_))
    return found


def pending_among(db: sqlite3.Connection, ids: Iterable[str]) -> list[tuple[str, int, int]]:
    """Return those of the ids that are pending, each with its route and job."""
    found = []
    for id_ in ids:
        for table in ("ready", "aimed"):
            row = db.execute(
                f"SELECT f.id, f.route, f.job FROM firing f JOIN {table} r USING (route, rank, due, id) WHERE f.id = ?",  # noqa: S608 - constants
                (id_,),
            ).fetchone()
            if row is not None:
                found.append((row[0], row[1], row[2]))
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


def kill_pending(db: sqlite3.Connection, found: Iterable[tuple[str, int, int]], now: float) -> int:
    """End pending firings (with their routes and jobs) as killed; return how many."""
    by_job: dict[tuple[int, int], list[str]] = {}
    for id_, route, job in found:
        by_job.setdefault((route, job), []).append(id_)
    for (route, job), ids in by_job.items():
        out_of_line(db, ids)
        filing = Filing(db, route, now)
        chunk = filing.add(job, KILLED, ids, words=True)
        filing.write()
        db.executemany(
            "INSERT INTO done (id, state, finished, chunk, token, holder)"
            " SELECT id, ?, ?, ?, token, holder FROM firing WHERE id = ?",
            [(KILLED, now, chunk, id_) for id_ in ids],
        )
        index_words(db, ids)
        tallies.settled(db, route, job, {"killed": len(ids)}, now, live=-len(ids), changes={KILLED: len(ids)})
    return sum(map(len, by_job.values()))


def forget_pending(db: sqlite3.Connection, ids: Iterable[str]) -> int:
    """Remove those of the ids that are pending; return how many."""
    found = pending_among(db, ids)
    out_of_line(db, [id_ for id_, _, _ in found])
    for id_, route, job in found:
        db.execute("DELETE FROM firing WHERE id = ?", (id_,))
        tallies.shift(db, route, job, -1, {})
    return len(found)


def forget_finished(db: sqlite3.Connection, ids: Sequence[str]) -> None:
    """Remove finished firings."""
    chunks: dict[tuple[int, int, float, int], set[str]] = {}
    counts: dict[tuple[int, int, int], int] = {}
    rows = db.execute(
        "SELECT f.id, f.route, f.job, d.state, d.finished, d.chunk FROM json_each(?) j"
        " CROSS JOIN firing f ON f.id = j.value JOIN done d ON d.id = f.id",
        (json.dumps(list(ids)),),
    ).fetchall()
    for id_, route, job, state, finished, chunk in rows:
        chunks.setdefault((route, state, finished, chunk), set()).add(id_)
        counts[route, job, state] = counts.get((route, job, state), 0) + 1
    forget_words(db, ids)
    remove_rows(db, [row[0] for row in rows])
    for place, gone in chunks.items():
        take_from_chunk(db, place, gone)
    for (route, job, state), n in counts.items():
        tallies.shift(db, route, job, 0, {state: -n})


def remove_rows(db: sqlite3.Connection, ids: Iterable[str]) -> None:
    """Remove the rows of finished firings."""
    rows = [(id_,) for id_ in ids]
    db.executemany("DELETE FROM done WHERE id = ?", rows)
    db.executemany("DELETE FROM firing WHERE id = ?", rows)


def is_live(db: sqlite3.Connection, id_: str) -> bool:
    """Return whether a firing is pending or running."""
    row = db.execute(
        "SELECT 1 FROM firing WHERE id = ? AND NOT EXISTS (SELECT 1 FROM done WHERE done.id = firing.id)",
        (id_,),
    ).fetchone()
    return row is not None


def take_from_chunk(db: sqlite3.Connection, place: tuple[int, int, float, int], ids: set[str]) -> None:
    """Take finished firings off the list of their chunk; ``place``: its route, state, time and number."""
    where = "route = ? AND state = ? AND finished = ? AND chunk = ?"
    row = db.execute(f"SELECT jobs, ids FROM ended WHERE {where}", place).fetchone()  # noqa: S608 - constants
    if row is None:
        return
    listed = row[1].split(",")
    of = [None] * len(listed) if row[0] is None else row[0].split(",")
    left = [(job, id_) for job, id_ in zip(of, listed, strict=True) if id_ not in ids]
    if left:
        jobs_left = None if row[0] is None else ",".join(job for job, _ in left)
        db.execute(
            f"UPDATE ended SET jobs = ?, ids = ? WHERE {where}",  # noqa: S608 - constants
            (jobs_left, ",".join(id_ for _, id_ in left), *place),
        )
    else:
        db.execute(f"DELETE FROM ended WHERE {where}", place)  # noqa: S608 - constants
    if row[0] is not None:
        gone = set(of).difference(job for job, _ in left)
        db.executemany(f"DELETE FROM mixed WHERE job = ? AND {where}", [(int(job), *place) for job in gone])  # noqa: S608 - constants

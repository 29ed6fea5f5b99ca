"""How firings ended, and waiting for their end."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from skunkqueue.listings import Result, Tried
from skunkqueue.persistence.sqlite.readers import snapshot
from skunkqueue.persistence.sqlite.statements import as_json
from skunkqueue.records import State

if TYPE_CHECKING:
    from skunkqueue.persistence.sqlite.store import Store

_STATES = tuple(State)
_COMPLETE = _STATES.index(State.COMPLETE)
_TRIED = (
    "SELECT f.id, n.name, d.began, f.evidence, coalesce(d.carry, f.carry) FROM json_each(?) j CROSS JOIN firing f ON f.id = j.value"
    " JOIN done d ON d.id = f.id JOIN job n ON n.no = f.job"
)


def results(store: Store, ids: Sequence[str]) -> list[Result | None]:
    """Read how firings ended; see ``Backend.results``."""
    # One statement sees one state. Ids that it does not find may be in the inbox, and may be filed meanwhile.
    found = store.readers.run(lambda db: _results(db, ids, unfiled=False))
    if len(found) < len(ids):
        found = store.readers.run(snapshot(lambda db: _results(db, ids)))
    return [found.get(id_) for id_ in ids]


def wait_settled(store: Store, ids: Sequence[str], timeout: float) -> list[str]:
    """Block until one of the firings is finished or unknown; see ``Backend.wait_settled``."""
    found = store.readers.run(lambda db: _settled_among(db, ids))
    if found or timeout <= 0 or not ids:
        return found
    with store.fifos.listening_settled() as fd:
        return store.waits.until([fd], timeout, lambda db: _settled_among(db, ids))


def _settled_among(db: sqlite3.Connection, ids: Sequence[str]) -> list[str]:
    """Return those of the ids that are finished or unknown, in order."""
    rows = db.execute(
        "SELECT f.id FROM json_each(:ids) j CROSS JOIN firing f ON f.id = j.value"
        " WHERE NOT EXISTS (SELECT 1 FROM done d WHERE d.id = f.id)"
        " UNION ALL SELECT id FROM inbox WHERE id IN (SELECT value FROM json_each(:ids))",
        {"ids": as_json(ids)},
    )
    live = {row[0] for row in rows}
    return [id_ for id_ in ids if id_ not in live]


def _results(db: sqlite3.Connection, ids: Sequence[str], *, unfiled: bool = True) -> dict[str, Result]:
    """Read how firings ended; ``unfiled``: also of those that are not filed yet."""
    asked = as_json(ids)
    rows = db.execute(
        "SELECT f.id, d.state, d.result, coalesce(d.error, f.error), f.expires, r.id IS NOT NULL OR a.id IS NOT NULL"
        " FROM json_each(?) j CROSS JOIN firing f ON f.id = j.value LEFT JOIN done d ON d.id = f.id"
        " LEFT JOIN ready r ON d.id IS NULL AND r.route = f.route AND r.rank = f.rank AND r.due = f.due AND r.id = f.id"
        " LEFT JOIN aimed a ON d.id IS NULL AND a.route = f.route AND a.rank = f.rank AND a.due = f.due AND a.id = f.id",
        (asked,),
    )
    found = {}
    failed = []
    for id_, done, result, error, expires, waits in rows:
        if done is not None:
            found[id_] = Result(id=id_, state=_STATES[done], result=result, error=error)
            if done != _COMPLETE:
                failed.append(id_)
        elif waits:
            found[id_] = Result(id=id_, state=State.PENDING, result=None, error=error, expires=expires)
        else:
            found[id_] = Result(id=id_, state=State.RUNNING, result=None, error=error)
    # Those that are requeued or deleted at this moment stay without.
    for id_, job, began, evidence, state in db.execute(_TRIED, (as_json(failed),)) if failed else ():
        tried = Tried(job=job, began=began, evidence=evidence, attempt_state=state)
        found[id_] = msgspec.structs.replace(found[id_], tried=tried)
    if unfiled and len(found) < len(ids):
        for id_, expires in db.execute(
            "SELECT id, expires FROM inbox WHERE id IN (SELECT value FROM json_each(?))", (asked,)
        ):
            found.setdefault(id_, Result(id=id_, state=State.PENDING, result=None, expires=expires))
    return found

"""Reading single firings and pages of them; changes nothing."""

from __future__ import annotations

from collections.abc import Sequence

from skunkqueue.persistence import rules
from skunkqueue.persistence.backend import MAX_PAGE
from skunkqueue.persistence.mongodb.documents import KNOWN, SINCE_EVER, record_of
from skunkqueue.persistence.mongodb.schema import CLAIMABLE, FINISHED, RUNNING, Document
from skunkqueue.persistence.mongodb.store import Store
from skunkqueue.records import Page, Record, State

_INDEX = {State.PENDING: CLAIMABLE, State.RUNNING: RUNNING}


def get(store: Store, ids: Sequence[str]) -> list[Record | None]:
    """Read firings; see ``Backend.get``."""
    wanted = list(ids)
    if not wanted:
        return []
    documents = store.find(store.firings, {"_id": {"$in": wanted}, **KNOWN}, hint="_id_")
    now = store.time.about_now()
    records = {one["_id"]: record_of(one, now) for one in documents}
    return [records.get(id_) for id_ in wanted]


def find(store: Store, prefix: str, limit: int = 10) -> list[str]:
    """List ids by how they begin; see ``Backend.find``."""
    limit = min(limit, MAX_PAGE)
    if limit <= 0:
        # For the server, 0 means no limit.
        return []
    # The largest of all characters ends the range.
    among = {"_id": {"$gte": prefix, "$lt": f"{prefix}\U0010ffff"}, **KNOWN}
    found = store.find(store.firings, among, {"_id": True}, sort=[("_id", 1)], limit=limit)
    return [one["_id"] for one in found]


def page(
    store: Store, place: tuple[str, str], state: State, limit: int = 50, after: str | None = None
) -> Page:
    """List firings of one state; see ``Backend.page``."""
    limit = max(1, min(limit, MAX_PAGE))
    queue, route = place
    here: Document = {"queue": queue, "route": route, "state": state.value}
    sort: list[tuple[str, int]] = [("priority", -1), ("due", 1), ("_id", 1)]
    parts: list[Document] = [{}]
    if state.final:
        here["finished"] = {"$gt": SINCE_EVER}
        sort = [("finished", -1), ("_id", -1)]
    if after is not None:
        parts = _parts_after(after, state)
    found: list[Document] = []
    for part in parts:
        # Each part is a stretch of the index, so what lies before it costs nothing.
        query = {**here, **part}
        left = limit + 1 - len(found)
        found += store.find(store.firings, query, sort=sort, hint=_INDEX.get(state, FINISHED), limit=left)
        if len(found) > limit:
            break
    now = store.time.about_now()
    shown = found[:limit]
    cursor = None
    if len(found) > limit:
        names = ("finished", "_id") if state.final else ("priority", "due", "_id")
        cursor = rules.cursor_after(state, [shown[-1][name] for name in names])
    return Page(records=tuple(record_of(one, now) for one in shown), next=cursor)


def _parts_after(after: str, state: State) -> list[Document]:
    """Return what comes after a cursor, as stretches of the index in their order."""
    if state.final:
        finished, id_ = rules.place_in(after, state, (float, str))
        return [
            {"finished": finished, "_id": {"$lt": id_}},
            {"finished": {"$lt": finished, "$gt": SINCE_EVER}},
        ]
    priority, due, id_ = rules.place_in(after, state, (int, float, str))
    return [
        {"priority": priority, "due": due, "_id": {"$gt": id_}},
        {"priority": priority, "due": {"$gt": due}},
        {"priority": {"$lt": priority}},
    ]

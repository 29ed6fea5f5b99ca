"""Looking at single firings and pages of them; changes nothing."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from typing import Any

import msgspec

from skunkqueue.errors import BackendError
from skunkqueue.listings import Result
from skunkqueue.persistence.backend import MAX_PAGE
from skunkqueue.persistence.mongodb.base import StoreBackend
from skunkqueue.persistence.mongodb.documents import record_of
from skunkqueue.persistence.mongodb.schema import CLAIMABLE, FINISHED, RUNNING, Document
from skunkqueue.records import Page, Record, State

_SINCE_EVER = -1e300
_INDEX = {State.PENDING: CLAIMABLE, State.RUNNING: RUNNING}
_KNOWN = {"state": {"$ne": "void"}}


class Reading(StoreBackend, ABC):
    """The verbs that read."""

    def get(self, ids: Sequence[str]) -> list[Record | None]:
        """Read firings; see ``Backend.get``."""
        wanted = list(ids[:MAX_PAGE])
        if not wanted:
            return []
        link = self._link
        documents = link.find(link.firings, {"_id": {"$in": wanted}, **_KNOWN}, hint="_id_")
        now = link.about_now()
        records = {one["_id"]: record_of(one, now) for one in documents}
        return [records.get(id_) for id_ in wanted]

    def find(self, prefix: str, limit: int = 10) -> list[str]:
        """List ids by how they begin; see ``Backend.find``."""
        link = self._link
        # The largest character there is ends the range.
        among = {"_id": {"$gte": prefix, "$lt": f"{prefix}\U0010ffff"}, **_KNOWN}
        found = link.find(link.firings, among, {"_id": True}, sort=[("_id", 1)], limit=limit)
        return [one["_id"] for one in found]

    def page(self, queue: str, route: str, state: State, limit: int = 50, after: str | None = None) -> Page:
        """List firings of one state; see ``Backend.page``."""
        link = self._link
        limit = min(limit, MAX_PAGE)
        here = {"queue": queue, "route": route, "state": state.value}
        sort: list[tuple[str, int]] = [("priority", -1), ("due", 1), ("_id", 1)]
        parts: list[Document] = [{}]
        if state.final:
            here["finished"] = {"$gt": _SINCE_EVER}  # type: ignore[assignment]
            sort = [("finished", -1), ("_id", -1)]
        if after is not None:
            parts = _parts_after(after, state)
        found: list[Document] = []
        for part in parts:
            # Each part is a stretch of the index, so what lies before it costs nothing.
            query = {**here, **part}
            left = limit + 1 - len(found)
            found += link.find(link.firings, query, sort=sort, hint=_INDEX.get(state, FINISHED), limit=left)
            if len(found) > limit:
                break
        now = link.about_now()
        shown = found[:limit]
        cursor = _cursor(shown[-1], state) if len(found) > limit else None
        return Page(records=tuple(record_of(one, now) for one in shown), next=cursor)

    def results(self, ids: Sequence[str]) -> list[Result | None]:
        """Read what became of firings; see ``Backend.results``."""
        wanted = list(ids[:MAX_PAGE])
        if not wanted:
            return []
        link = self._link
        shown = {"state": True, "result": True, "error": True, "expires": True}
        found = link.find(link.firings, {"_id": {"$in": wanted}, **_KNOWN}, shown, hint="_id_")
        results = {one["_id"]: _result(one) for one in found}
        return [results.get(id_) for id_ in wanted]


def _result(document: Document) -> Result:
    state, get = State(document["state"]), document.get
    return Result(
        id=document["_id"],
        state=state,
        result=get("result") if state.final else None,
        error=get("error"),
        expires=get("expires") if state is State.PENDING else None,
    )


def _cursor(last: Document, state: State) -> str:
    names = ("finished", "_id") if state.final else ("priority", "due", "_id")
    parts: list[Any] = [last[name] for name in names]
    return msgspec.json.encode(parts).decode()


def _parts_after(after: str, state: State) -> list[Document]:
    """Say what comes after a cursor, as stretches of the index in their order."""
    try:
        if state.final:
            finished, id_ = msgspec.json.decode(after, type=tuple[float, str])
            return [
                {"finished": finished, "_id": {"$lt": id_}},
                {"finished": {"$lt": finished, "$gt": _SINCE_EVER}},
            ]
        priority, due, id_ = msgspec.json.decode(after, type=tuple[int, float, str])
    except (msgspec.MsgspecError, UnicodeError) as error:
        msg = f"page cursor {after[:100]!r} was not made by this backend; begin again with after=None"
        raise BackendError(msg) from error
    return [
        {"priority": priority, "due": due, "_id": {"$gt": id_}},
        {"priority": priority, "due": {"$gt": due}},
        {"priority": {"$lt": priority}},
    ]

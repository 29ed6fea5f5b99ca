"""Listings of rows, and counts of those that match, one stretch of an index after another.

What the index does not know, the server checks on the firings of the stretch, of which it looks at a bounded number.
"""

from __future__ import annotations

from skunkqueue.listings import MAX_LOOK, MOST_COUNTED, Count, Query, Row, Rows
from skunkqueue.persistence import listing
from skunkqueue.persistence.listing import FINISHED, PENDING, RUNNING, Look, Position
from skunkqueue.persistence.mongodb import states
from skunkqueue.persistence.mongodb.rows import SHOWN, row_of
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.persistence.mongodb.store import Store
from skunkqueue.persistence.mongodb.stretches import (
    Stretch,
    in_routes,
    merged_at_once,
    parts_after,
    stretches,
)

_FIRST_LOOK = 1_000
"""Firings that are looked at first, before as many as are allowed."""
_ORDER = {
    FINISHED: (("finished", 1), ("_id", 1)),
    RUNNING: (("priority", -1), ("due", 1), ("_id", 1)),
    PENDING: (("priority", -1), ("due", 1), ("_id", 1)),
}


def rows(store: Store, query: Query, limit: int = 50, cursor: str | None = None) -> Rows:
    """List firings; see ``Backend.rows``."""
    routes = _routes_of(store, query)
    paused_queues = {one["queue"] for one in routes if "route" not in one}
    paused = {(one["queue"], one.get("route")) for one in routes if one.get("paused")}
    now = store.time.about_now()

    def shown(document: Document) -> Row:
        place = document["queue"], document["route"]
        return row_of(document, now, paused=document["queue"] in paused_queues or place in paused)

    def walk(after: Position | None, *, onward: bool, want: int) -> Look:
        rows: list[Row] = []
        at, looked = None, 0
        for stretch in stretches(query, routes, after, onward=onward):
            beyond = after if after is not None and after.group == stretch.group else None
            size, more = _FIRST_LOOK, True
            while more:
                left = MAX_LOOK - looked
                if len(rows) >= want or left <= 0:
                    return Look(rows, at, looked, ended=False)
                seen = _Seen(want - len(rows), min(size, left))
                for part in parts_after(stretch.group, beyond, onward=onward):
                    _look_at(store, stretch, part, seen, onward=onward)
                    if seen.is_full:
                        break
                found = [shown(document) for document in seen.found]
                rows += found
                looked += seen.looked
                more, size = seen.is_full, MAX_LOOK
                if seen.wants_no_more:
                    at = beyond = listing.position_of(found[-1])
                elif seen.last is not None:
                    at = beyond = _position(stretch.group, seen.last)
        return Look(rows, at, looked, ended=True)

    return listing.page_of(query, limit, cursor, walk)


def count(store: Store, query: Query, most: int = MOST_COUNTED) -> Count:
    """Count firings; see ``Backend.count``."""
    if listing.is_by_place_and_state(query):
        infos = [info for info in states.routes(store, query.queue) if query.route in (None, info.route)]
        wanted = listing.states_of(query)
        number = sum(info.counts[state] for info in infos for state in wanted)
        return Count(number=number, exact=all(info.exact for info in infos))
    number, left = 0, max(most, 0)
    for stretch in stretches(query, _routes_of(store, query), None, onward=True):
        pipeline: list[Document] = [
            {"$match": stretch.match},
            {"$limit": left + 1},
            {"$project": SHOWN | {"error_type": True}},
            {"$facet": {"hits": [{"$match": stretch.rest}, _COUNT], "all": [_COUNT]}},
        ]
        (found,) = _aggregate(store, pipeline, stretch.hint)
        looked = _number(found["all"])
        number += min(_number(found["hits"]), left)
        if looked > left:
            return Count(number=number, exact=False)
        left -= looked
    return Count(number=number, exact=True)


def _routes_of(store: Store, query: Query) -> list[Document]:
    """Read the routes that may have what is asked for, and which queues are paused."""
    shown = {"queue": True, "route": True, "paused": True}
    return store.find(store.routes, {} if query.queue is None else {"queue": query.queue}, shown)


class _Seen:
    """What one look has found so far."""

    def __init__(self, want: int, most: int) -> None:
        self.found: list[Document] = []
        self.last: Document | None = None
        """The last one looked at, whether it matches or not."""
        self.looked = 0
        self.want, self.most = want, most

    @property
    def wants_no_more(self) -> bool:
        return len(self.found) >= self.want

    @property
    def is_full(self) -> bool:
        return self.wants_no_more or self.looked >= self.most


def _look_at(store: Store, stretch: Stretch, part: Document, seen: _Seen, *, onward: bool) -> None:
    """Look at what lies beyond a position."""
    match = {**stretch.match, **part}
    if stretch.group == FINISHED and "finished" in part:
        match["finished"] = {**stretch.match["finished"], **part["finished"]}
    # The server merges stretches of an index only if it sorts by nothing that is the same in all of them; otherwise it reads
    # them to their ends, and sorts.
    sort = {
        name: way if onward else -way for name, way in _ORDER[stretch.group] if not _is_fixed(match.get(name))
    }
    want, most = seen.want - len(seen.found), seen.most - seen.looked
    if not stretch.rest:
        found = _merged(store, stretch, match, sort, min(want, most))
        seen.found += found
        seen.looked += len(found)
        seen.last = found[-1] if found else seen.last
        return
    parts: list[list[Document]] = [
        [{"$match": query}, {"$sort": sort}, {"$limit": most}, {"$project": SHOWN | {"error_type": True}}]
        for query in _queries(stretch, match)
    ]
    first, *others = parts
    merged: list[Document] = [{"$sort": sort}, {"$limit": most}] if others else []
    pipeline: list[Document] = [
        *first,
        *({"$unionWith": {"coll": "firings", "pipeline": other}} for other in others),
        *merged,
        {
            "$facet": {
                "hits": [{"$match": stretch.rest}, {"$limit": want}],
                "all": [{"$group": {"_id": None, "n": {"$sum": 1}, "last": {"$last": _PLACE}}}],
            }
        },
    ]
    (seen_there,) = _aggregate(store, pipeline, stretch.hint)
    seen.found += seen_there["hits"]
    seen.looked += _number(seen_there["all"])
    for one in seen_there["all"]:
        seen.last = one["last"]


def _is_fixed(wanted: object) -> bool:
    """Return whether a field may have only one value."""
    return wanted is not None and (not isinstance(wanted, dict) or "$eq" in wanted)


def _merged(store: Store, stretch: Stretch, match: Document, sort: Document, limit: int) -> list[Document]:
    """Read the first of a stretch, over as many routes at once as the server merges."""
    queries = _queries(stretch, match)
    found: list[Document] = []
    for query in queries:
        pipeline: list[Document] = [
            {"$match": query},
            {"$sort": sort},
            {"$limit": limit},
            {"$project": SHOWN},
        ]
        found += _aggregate(store, pipeline, stretch.hint)
    if len(queries) > 1:
        for name, way in reversed(sort.items()):
            found.sort(key=lambda document, by=name: document[by], reverse=way < 0)  # type: ignore[misc]
    return found[:limit]


def _queries(stretch: Stretch, match: Document) -> list[Document]:
    """Split a match over routes into some that the server reads in order, each without sorting all that it has."""
    return [{**match, **in_routes(some)} if some else match for some in merged_at_once(stretch.places)]


def _aggregate(store: Store, pipeline: list[Document], hint: str) -> list[Document]:
    return store.aggregate(store.firings, pipeline, hint=hint)


_COUNT: Document = {"$count": "n"}
_PLACE = {"_id": "$_id", "finished": "$finished", "priority": "$priority", "due": "$due"}


def _number(found: list[Document]) -> int:
    return int(found[0]["n"]) if found else 0


def _position(group: int, document: Document) -> Position:
    if group == FINISHED:
        return Position(FINISHED, document["finished"], 0.0, document["_id"])
    return Position(group, -document["priority"], document["due"], document["_id"])

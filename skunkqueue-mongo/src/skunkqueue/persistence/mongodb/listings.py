"""Rows, and counts of those that match: each is a stretch of an index, from one position on, in one direction.

Finished and pending firings are found by the index of what is asked for: a key, an error's type, a tag, a job, or the routes.
Running ones are gone through in their order. What the index does not know, the server checks on the firings of the
stretch, of which it looks at a bounded number.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterator
from typing import Any, NamedTuple

from skunkqueue.listings import MAX_LOOK, Count, Query, Row, Rows
from skunkqueue.persistence import listing
from skunkqueue.persistence.listing import FINISHED, PENDING, RUNNING, Look, Position
from skunkqueue.persistence.mongodb import schema
from skunkqueue.persistence.mongodb.link import Link
from skunkqueue.persistence.mongodb.reading import Reading
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.persistence.mongodb.standing import Standings
from skunkqueue.records import State

_FIRST_LOOK = 1_000
"""Firings that are looked at first, before as many as may be."""
_SINCE_EVER = -1e300
_MERGED = 40
"""Routes that one question merges: the server does not merge more than 200 stretches, one for each route and state."""
_ORDER = {
    FINISHED: (("finished", 1), ("_id", 1)),
    RUNNING: (("priority", -1), ("due", 1), ("_id", 1)),
    PENDING: (("priority", -1), ("due", 1), ("_id", 1)),
}
_AS_IT_IS = (
    *("queue", "route", "state", "priority", "enqueued", "due", "began", "finished", "took", "worker"),
    *("deaths", "key", "schedule", "parent", "error", "expires"),
)
_SHOWN: Document = {
    **dict.fromkeys((*_AS_IT_IS, "job", "tags", "again", "tries", "progress"), True),
    "body_size": {"$binarySize": "$body"},
    "result_size": {"$binarySize": {"$ifNull": ["$result", b""]}},
}


class Stretch(NamedTuple):
    """Firings of one group, as an index has them in the order of the listing."""

    group: int
    match: Document
    rest: Document
    """What else is asked for, and checked on each."""
    hint: str
    places: tuple[tuple[str, str], ...] = ()
    """The routes that it goes over, where it is their index."""


class Listings(Reading, Standings, ABC):
    """``rows`` and ``count``."""

    def rows(self, query: Query, limit: int = 50, cursor: str | None = None) -> Rows:
        """List firings; see ``Backend.rows``."""
        link = self._link
        routes = self._routes_of(link, query)
        halted = {one["queue"] for one in routes if "route" not in one}
        paused = {(one["queue"], one.get("route")) for one in routes if one.get("paused")}
        now = link.about_now()

        def row_of(document: Document) -> Row:
            place = document["queue"], document["route"]
            return _row(document, now, paused=document["queue"] in halted or place in paused)

        def walk(after: Position | None, *, onward: bool, want: int) -> Look:
            rows: list[Row] = []
            at, looked = None, 0
            for stretch in _stretches(query, routes, after, onward=onward):
                beyond = after if after is not None and after.group == stretch.group else None
                size, more = _FIRST_LOOK, True
                while more:
                    left = MAX_LOOK - looked
                    if len(rows) >= want or left <= 0:
                        return Look(rows, at, looked, ended=False)
                    seen = _Seen(want - len(rows), min(size, left))
                    for part in _parts(stretch.group, beyond, onward=onward):
                        _look_at(link, stretch, part, seen, onward=onward)
                        if seen.is_full:
                            break
                    found = [row_of(document) for document in seen.found]
                    rows += found
                    looked += seen.looked
                    more, size = seen.is_full, MAX_LOOK
                    if seen.wants_no_more:
                        at = beyond = listing.position_of(found[-1])
                    elif seen.last is not None:
                        at = beyond = _position(stretch.group, seen.last)
            return Look(rows, at, looked, ended=True)

        return listing.page_of(query, limit, cursor, walk)

    def count(self, query: Query, most: int = MAX_LOOK) -> Count:
        """Count firings; see ``Backend.count``."""
        if listing.is_by_place_and_state(query):
            infos = [info for info in self.routes(query.queue) if query.route in (None, info.route)]
            wanted = listing.states_of(query)
            number = sum(info.counts[state] for info in infos for state in wanted)
            return Count(number=number, exact=all(info.exact for info in infos))
        link = self._link
        number, left = 0, max(most, 0)
        for stretch in _stretches(query, self._routes_of(link, query), None, onward=True):
            pipeline: list[Document] = [
                {"$match": stretch.match},
                {"$limit": left + 1},
                {"$project": _SHOWN | {"error_type": True}},
                {"$facet": {"hits": [{"$match": stretch.rest}, _COUNT], "all": [_COUNT]}},
            ]
            (found,) = _aggregate(link, pipeline, stretch.hint)
            looked = _number(found["all"])
            number += min(_number(found["hits"]), left)
            if looked > left:
                return Count(number=number, exact=False)
            left -= looked
        return Count(number=number, exact=True)

    def _routes_of(self, link: Link, query: Query) -> list[Document]:
        """Read the routes that may have what is asked for, and which queues are paused."""
        shown = {"queue": True, "route": True, "paused": True}
        return link.find(link.routes, {} if query.queue is None else {"queue": query.queue}, shown)


# --- where to look ----------------------------------------------------------------------------------


def _stretches(
    query: Query, routes: list[Document], after: Position | None, *, onward: bool
) -> Iterator[Stretch]:
    """Tell in which stretches what is asked for lies, in their order, from a position on."""
    places = tuple(
        (one["queue"], one["route"])
        for one in routes
        if "route" in one and query.route in (None, one["route"])
    )
    states = listing.states_of(query)
    groups: tuple[int, ...] = (FINISHED, RUNNING, PENDING) if onward else (PENDING, RUNNING, FINISHED)
    if after is not None:
        groups = groups[groups.index(after.group) :]
    for group in groups:
        if group == FINISHED:
            finals = [state.value for state in states if state.final]
            if finals and places:
                yield _finished(query, finals, places)
        elif (State.RUNNING if group == RUNNING else State.PENDING) in states and places:
            yield _live(query, group, places)


def _finished(query: Query, finals: list[str], places: tuple[tuple[str, str], ...]) -> Stretch:
    asked = _asked(query)
    ended = {"$gt": _SINCE_EVER, **_range(query.finished)}
    match: Document = {"state": {"$in": finals}, "finished": ended}
    for name, field in (
        (schema.KEYS, "key"),
        (schema.ERRORS, "error_type"),
        (schema.TAGS, "tags"),
        (schema.JOBS, "job"),
    ):
        if isinstance(asked.get(field), str):
            match[field] = asked.pop(field)
            return Stretch(FINISHED, match, asked, name)
    asked.pop("queue", None)
    asked.pop("route", None)
    return Stretch(FINISHED, {**_at(places), **match}, asked, schema.FINISHED, places)


def _live(query: Query, group: int, places: tuple[tuple[str, str], ...]) -> Stretch:
    asked = _asked(query)
    state = "running" if group == RUNNING else "pending"
    if query.key is not None:
        # At most one of a queue.
        queues = sorted({queue for queue, _ in places})
        match = {"queue": {"$in": queues}, "held_key": query.key}
        return Stretch(group, match, {**asked, "state": state}, schema.HELD_KEY)
    if group == PENDING:
        for name, field in (
            (schema.PENDING_ERRORS, "error_type"),
            (schema.PENDING_TAGS, "tags"),
            (schema.PENDING_JOBS, "job"),
        ):
            if isinstance(asked.get(field), str):
                match = {"state": state, field: asked.pop(field)}
                return Stretch(group, match, asked, name)
    asked.pop("queue", None)
    asked.pop("route", None)
    hint = schema.RUNNING if group == RUNNING else schema.CLAIMABLE
    return Stretch(group, {**_at(places), "state": state}, asked, hint, places)


def _at(places: tuple[tuple[str, str], ...]) -> Document:
    queues, routes = sorted({queue for queue, _ in places}), sorted({route for _, route in places})
    return {"queue": {"$in": queues}, "route": {"$in": routes}}


def _asked(query: Query) -> Document:
    """Say what is asked for, but for the state and when it finished."""
    asked: Document = {}
    for name, value in (
        ("queue", query.queue),
        ("route", query.route),
        ("tags", query.tag),
        ("key", query.key),
        ("error_type", query.error),
        ("schedule", query.schedule),
        ("worker", query.worker),
    ):
        if value is not None:
            asked[name] = value
    if query.job is not None:
        # Those of the version before do not say.
        asked["job"] = query.job or {"$in": [None, ""]}
    for name, span in (("enqueued", query.enqueued), ("due", query.due)):
        if span is not None:
            asked[name] = {"$gt": _SINCE_EVER, **_range(span)}
    return asked


def _range(span: tuple[float | None, float | None] | None) -> Document:
    since, until = span or (None, None)
    made = {} if since is None else {"$gte": since}
    return made if until is None else {**made, "$lt": until}


def _parts(group: int, place: Position | None, *, onward: bool) -> list[Document]:
    """Say what comes after a position, as stretches of the index in their order."""
    if place is None:
        return [{}]
    later, earlier = ("$gt", "$lt") if onward else ("$lt", "$gt")
    if group == FINISHED:
        return [
            {"finished": {"$eq": place.first}, "_id": {later: place.id}},
            {"finished": {later: place.first}},
        ]
    priority = -place.first
    return [
        {"priority": priority, "due": place.second, "_id": {later: place.id}},
        {"priority": priority, "due": {later: place.second}},
        {"priority": {earlier: priority}},
    ]


# --- looking ----------------------------------------------------------------------------------------


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


def _look_at(link: Link, stretch: Stretch, part: Document, seen: _Seen, *, onward: bool) -> None:
    """Look at what lies beyond a position."""
    match = {**stretch.match, **part}
    if stretch.group == FINISHED and "finished" in part:
        match["finished"] = {**stretch.match["finished"], **part["finished"]}
    sort = {name: way if onward else -way for name, way in _ORDER[stretch.group]}
    want, most = seen.want - len(seen.found), seen.most - seen.looked
    if not stretch.rest:
        found = _merged(link, stretch, match, sort, min(want, most))
        seen.found += found
        seen.looked += len(found)
        seen.last = found[-1] if found else seen.last
        return
    pipeline: list[Document] = [
        {"$match": match},
        {"$sort": sort},
        {"$limit": most},
        {"$project": _SHOWN | {"error_type": True}},
        {
            "$facet": {
                "hits": [{"$match": stretch.rest}, {"$limit": want}],
                "all": [{"$group": {"_id": None, "n": {"$sum": 1}, "last": {"$last": _PLACE}}}],
            }
        },
    ]
    (told,) = _aggregate(link, pipeline, stretch.hint)
    seen.found += told["hits"]
    seen.looked += _number(told["all"])
    for one in told["all"]:
        seen.last = one["last"]


def _merged(link: Link, stretch: Stretch, match: Document, sort: Document, limit: int) -> list[Document]:
    """Read the first of a stretch, over as many routes at once as the server merges."""
    places = stretch.places
    some = [places[start : start + _MERGED] for start in range(0, len(places), _MERGED)] or [()]
    found: list[Document] = []
    for few in some:
        query = {**match, **_at(few)} if few else match
        pipeline: list[Document] = [
            {"$match": query},
            {"$sort": sort},
            {"$limit": limit},
            {"$project": _SHOWN},
        ]
        found += _aggregate(link, pipeline, stretch.hint)
    if len(some) > 1:
        once = {document["_id"]: document for document in found}
        found = list(once.values())
        for name, way in reversed(sort.items()):
            found.sort(key=lambda document, by=name: document[by], reverse=way < 0)  # type: ignore[misc]
    return found[:limit]


def _aggregate(link: Link, pipeline: list[Document], hint: str) -> list[Document]:
    return link.run(lambda: list(link.firings.aggregate(pipeline, hint=hint)))


_COUNT: Document = {"$count": "n"}
_PLACE = {"_id": "$_id", "finished": "$finished", "priority": "$priority", "due": "$due"}


def _number(found: list[Document]) -> int:
    return int(found[0]["n"]) if found else 0


# --- rows -------------------------------------------------------------------------------------------


def _position(group: int, document: Document) -> Position:
    if group == FINISHED:
        return Position(FINISHED, document["finished"], 0.0, document["_id"])
    return Position(group, -document["priority"], document["due"], document["_id"])


def _row(document: Document, now: float, *, paused: bool) -> Row:
    get = document.get
    given: dict[str, Any] = {name: get(name) for name in _AS_IT_IS}
    state = given["state"] = State(given["state"])
    waits = None
    if state is State.PENDING:
        waits = listing.waits_for(due=given["due"], now=now, paused=paused, again=get("again"))
    return Row(
        id=document["_id"],
        job=get("job", ""),
        tags=tuple(get("tags", ())),
        waits=waits,
        attempts=get("tries", 0) + given["deaths"] + (state is State.RUNNING),
        progress=listing.numbers_of(get("progress")),
        body_size=document["body_size"],
        result_size=document["result_size"],
        **given,
    )

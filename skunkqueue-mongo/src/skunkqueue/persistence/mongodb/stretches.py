"""Which stretches of which indexes have what a query asks for.

Finished and pending firings are found by the index of what is asked for: a key, the firing that fired them, a type of
error, a tag, a job, or the routes. Running ones are read in their order. Pure; knows no connection.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from skunkqueue.listings import Query
from skunkqueue.persistence import listing
from skunkqueue.persistence.listing import FINISHED, PENDING, RUNNING, Position
from skunkqueue.persistence.mongodb import schema
from skunkqueue.persistence.mongodb.documents import SINCE_EVER
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.records import State

_MERGED = 40
"""Routes that one request merges: the server merges at most 200 pieces of an index, one for each route and final state."""


class Stretch(NamedTuple):
    """Firings of one group, as an index has them in the order of the listing."""

    group: int
    match: Document
    rest: Document
    """What else is asked for, and checked on each."""
    hint: str
    places: tuple[tuple[str, str], ...] = ()
    """The routes that it goes over, where it is their index."""


def stretches(
    query: Query, routes: list[Document], after: Position | None, *, onward: bool
) -> Iterator[Stretch]:
    """Return the stretches that have what is asked for, in their order, from a position on."""
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
    ended = {"$gt": SINCE_EVER, **_range(listing.finished_within(query))}
    match: Document = {"state": {"$in": finals}, "finished": ended}
    for name, field in (
        (schema.KEYS, "key"),
        (schema.PARENTS, "parent"),
        (schema.ERRORS, "error_type"),
        (schema.TAGS, "tags"),
        (schema.JOBS, "job"),
    ):
        if isinstance(asked.get(field), str):
            match[field] = asked.pop(field)
            return Stretch(FINISHED, match, asked, name)
    asked.pop("queue", None)
    asked.pop("route", None)
    return Stretch(FINISHED, {**in_routes(places), **match}, asked, schema.FINISHED, places)


def _live(query: Query, group: int, places: tuple[tuple[str, str], ...]) -> Stretch:
    asked = _asked(query)
    state = "running" if group == RUNNING else "pending"
    if query.key is not None:
        # At most one firing of a queue holds the key.
        queues = sorted({queue for queue, _ in places})
        match = {"queue": {"$in": queues}, "held_key": query.key}
        return Stretch(group, match, {**asked, "state": state}, schema.HELD_KEY)
    if group == PENDING:
        for name, field in (
            (schema.PENDING_PARENTS, "parent"),
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
    return Stretch(group, {**in_routes(places), "state": state}, asked, hint, places)


def in_routes(places: tuple[tuple[str, str], ...]) -> Document:
    """Match firings of these routes."""
    queues, routes = sorted({queue for queue, _ in places}), sorted({route for _, route in places})
    return {"queue": {"$in": queues}, "route": {"$in": routes}}


def merged_at_once(places: Sequence[tuple[str, str]]) -> list[tuple[tuple[str, str], ...]]:
    """Split routes into groups, so that ``in_routes`` matches few pieces of an index for each group, and no route for two.

    ``in_routes`` matches every queue of a group with every route, so a few queues with routes of their own are many pieces.
    """
    groups: list[list[tuple[str, str]]] = []
    group: list[tuple[str, str]] = []
    queues, names = 0, set[str]()
    for _, several in groupby(sorted(places), key=itemgetter(0)):
        mine = list(several)
        if len(mine) > _MERGED:
            # Alone, since another queue beside a part of these would match the other parts as well.
            groups += [mine[start : start + _MERGED] for start in range(0, len(mine), _MERGED)]
            continue
        mine_names = {route for _, route in mine}
        if group and (queues + 1) * len(names | mine_names) > _MERGED:
            groups.append(group)
            group, queues, names = [], 0, set()
        group = [*group, *mine]
        queues, names = queues + 1, names | mine_names
    return [tuple(one) for one in [*groups, group] if one] or [()]


def _asked(query: Query) -> Document:
    """Match what is asked for, but for the state and when it finished."""
    asked: Document = {}
    for name, value in (
        ("queue", query.queue),
        ("route", query.route),
        ("tags", query.tag),
        ("key", query.key),
        ("error_type", query.error),
        ("schedule", query.schedule),
        ("parent", query.parent),
        ("worker", query.worker),
    ):
        if value is not None:
            asked[name] = value
    if query.job is not None:
        # Firings of the version before do not name their job.
        asked["job"] = query.job or {"$in": [None, ""]}
    for name, span in (("enqueued", query.enqueued), ("due", query.due)):
        if span is not None:
            asked[name] = {"$gt": SINCE_EVER, **_range(span)}
    return asked


def _range(span: tuple[float | None, float | None] | None) -> Document:
    since, until = span or (None, None)
    made = {} if since is None else {"$gte": since}
    return made if until is None else {**made, "$lt": until}


def parts_after(group: int, place: Position | None, *, onward: bool) -> list[Document]:
    """Return what comes after a position, as stretches of the index in their order."""
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

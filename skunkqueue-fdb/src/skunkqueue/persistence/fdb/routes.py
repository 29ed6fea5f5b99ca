"""Routes: which there are, their pauses, and how many firings are on each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from skunkqueue.listings import JobCount
from skunkqueue.persistence.fdb import keys, vectors
from skunkqueue.persistence.fdb.records import TARGETS, Route, as_route, encode
from skunkqueue.persistence.fdb.transactions import Transaction
from skunkqueue.records import MAX_PRIORITY, RouteInfo, State

Place = tuple[str, str]


def known(tr: Transaction, queue: str | None = None, route: str | None = None) -> list[tuple[Place, Route]]:
    """List routes (of one queue, of one name), by queue and name."""
    return ask_known(tr, queue, route)()


def ask_known(
    tr: Transaction, queue: str | None = None, route: str | None = None
) -> Callable[[], list[tuple[Place, Route]]]:
    """Ask for them; what is returned waits, and lists them."""
    if queue is not None and route is not None:
        asked = tr.get(tr.keys.route + keys.place(queue, route))
        return lambda: [] if asked.value is None else [((queue, route), as_route(asked.value))]
    before = tr.keys.route if queue is None else tr.keys.route + keys.name(queue)
    pairs = tr.get_range(before, before + keys.END)

    def listed() -> list[tuple[Place, Route]]:
        found = []
        for pair in pairs():
            (its_queue, its_route), _ = keys.names(pair.key[len(tr.keys.route) :], 2)
            if route in (None, its_route):
                found.append(((its_queue, its_route), as_route(pair.value)))
        return sorted(found)

    return listed


def following(tr: Transaction, after: bytes, limit: int) -> list[tuple[Place, Route]]:
    """List so many routes behind a packed place, in the order of their keys."""
    before = tr.keys.route
    begin = before + after + (keys.END if after else b"")
    listed = []
    for pair in tr.get_range(begin, before + keys.END, limit)():
        (queue, route), _ = keys.names(pair.key[len(before) :], 2)
        listed.append(((queue, route), as_route(pair.value)))
    return listed


def one(tr: Transaction, queue: str, route: str) -> Route | None:
    """Read one route; ``None`` where nothing ever was on it."""
    value = tr.get(tr.keys.route + keys.place(queue, route)).value
    return None if value is None else as_route(value)


def set_paused(tr: Transaction, queue: str, route: str, found: Route, *, paused: bool) -> None:
    """Begin or end the pause of a route, which was read with conflict."""
    if found.paused != paused:
        changed = msgspec.structs.replace(found, paused=paused)
        tr.set(tr.keys.route + keys.place(queue, route), encode(changed))


def ask_paused_queues(tr: Transaction) -> Callable[[], set[str]]:
    """Ask which queues are paused as a whole; what is returned waits, and lists them."""
    before = tr.keys.queue
    pairs = tr.get_range(before, before + keys.END)
    return lambda: {keys.names(pair.key[len(before) :], 1)[0][0] for pair in pairs()}


def infos(tr: Transaction, queue: str | None) -> list[RouteInfo]:
    """Tell how each route stands."""
    asked, queues = ask_known(tr, queue), ask_paused_queues(tr)
    counts = counts_of(tr, queue)
    listed, paused = asked(), queues()
    oldest = oldest_due(tr, listed)
    return [
        RouteInfo(
            queue=place[0],
            route=place[1],
            paused=found.paused or place[0] in paused,
            counts=counts.get(place) or dict.fromkeys(State, 0),
            oldest_due=oldest[place],
        )
        for place, found in listed
    ]


def counts_of(tr: Transaction, queue: str | None, route: str | None = None) -> dict[Place, dict[State, int]]:
    """Count the firings of routes by state."""
    before = tr.keys.counts
    if queue is not None:
        before += keys.name(queue) if route is None else keys.place(queue, route)
    found = _counts(tr, before, before + keys.END)
    return {at: counts for at, counts in found.items() if route in (None, at[1])}


def counts_between(tr: Transaction, first: Place, last: Place) -> dict[Place, dict[State, int]]:
    """Do so for routes from one to another, in the order of their keys. Nothing conflicts."""
    before = tr.keys.counts
    begin, end = before + keys.place(*first), before + keys.place(*last) + keys.END
    return _counts(tr, begin, end, snapshot=True)


def _counts(
    tr: Transaction, begin: bytes, end: bytes, *, snapshot: bool = False
) -> dict[Place, dict[State, int]]:
    by_place: dict[Place, list[bytes]] = {}
    start = len(tr.keys.counts)
    # Those of a place lie side by side, and there may be hundreds.
    place, values = b"\xff", list[bytes]()
    for pair in tr.get_range(begin, end, snapshot=snapshot)():
        packed = pair.key[start:]
        if not packed.startswith(place):
            (its_queue, its_route), job = keys.names(packed, 2)
            place = packed[: len(packed) - len(job)]
            values = by_place.setdefault((its_queue, its_route), [])
        values.append(pair.value)
    return {at: vectors.counts_of(vectors.total(packed_counts)) for at, packed_counts in by_place.items()}


def job_counts(tr: Transaction, queue: str | None, route: str | None = None) -> list[JobCount]:
    """Count the firings of routes by job and state."""
    before = tr.keys.counts
    if queue is not None:
        before += keys.name(queue) if route is None else keys.place(queue, route)
    found = []
    for pair in tr.get_range(before, before + keys.END)():
        (its_queue, its_route, job), _ = keys.names(pair.key[len(tr.keys.counts) :], 3)
        counts = vectors.counts_of(pair.value)
        if route in (None, its_route) and any(counts.values()):
            found.append(JobCount(queue=its_queue, route=its_route, job=job, counts=counts))
    return sorted(found, key=lambda count: (count.queue, count.route, count.job))


def oldest_due(tr: Transaction, listed: Sequence[tuple[Place, Route]]) -> dict[Place, float | None]:
    """Tell of routes when the pending firing that has been due longest was or will be."""
    asked = []
    for place, found in listed:
        tables = [tr.keys.line, tr.keys.target] if found.ranks & TARGETS else [tr.keys.line]
        for table in tables:
            for priority in range(MAX_PRIORITY + 1):
                if found.ranks >> priority & 1:
                    start = table + keys.place(*place) + keys.rank(priority)
                    head = tr.get_range(start, start + keys.END, 1, snapshot=True)
                    asked.append((place, len(start), head))
    oldest: dict[Place, float | None] = {place: None for place, _ in listed}
    for place, length, head in asked:
        for pair in head():
            due = keys.seconds(pair.key[length : length + 8])
            before = oldest[place]
            oldest[place] = due if before is None else min(before, due)
    return oldest

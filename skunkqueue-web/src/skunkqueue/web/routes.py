"""Routes as pages show them: counts, what the pending ones wait for, workers, and how the last hour went."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence

import msgspec

from skunkqueue.listings import Busiest, Query, QueueSum
from skunkqueue.persistence.backend import Backend
from skunkqueue.persistence.route_pages import has_text
from skunkqueue.records import RouteInfo, State, WorkerRecord
from skunkqueue.web import source
from skunkqueue.web.charts import Spark, spark
from skunkqueue.web.paging import Part, part_after, part_of
from skunkqueue.web.show import is_live

MANY = 200
"""Routes that are all shown; where there are more, the busiest are, and the others page by page."""
_PAGE = 500
"""Routes whose names are read at once."""
LOOK = 200
"""Pending firings of a route that are looked at to say what they wait for."""
_LOOKED_AT = 100
"""Routes on which that is done for one page."""
_AT_ONCE = 10
"""Where there are more of them, it is done on another thread."""
WAITS_SECONDS = 5.0
SPARK_SECONDS = 30.0
PATIENCE = 0.05
_SPARK_PART = 120.0
_SPARK_PARTS = 30
_SPARK_ROUTES = 200
RETRIES = ("retry", "snooze")

Name = tuple[str, str]


class Waits(msgspec.Struct, frozen=True, kw_only=True):
    """What the pending firings of a route wait for."""

    due: int = 0
    """Those that could begin now."""
    later: int = 0
    retrying: int = 0
    """Those that failed, or asked for more time."""
    exact: bool = True
    """False: at least so many; only the first were looked at."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One route."""

    info: RouteInfo
    workers: int
    waits: Waits | None
    """``None``: it was not read yet."""
    spark: Spark | None
    """Firings that ended in the last hour."""

    @property
    def is_stuck(self) -> bool:
        """Whether something waits that no worker will begin."""
        return bool(self.info.counts[State.PENDING]) and (not self.workers or self.info.paused)


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """Routes to be shown, and the sums of all."""

    lines: list[Line]
    queues: tuple[QueueSum, ...]
    is_all: bool
    """False: there are more."""
    workers: int
    """Live workers, whatever they listen on."""
    staffed: frozenset[Name]
    """Routes that have live workers, also those that are not among the lines."""
    working: Counter[Name]
    """How many live workers these have."""
    age: float
    """Seconds since they were counted."""

    @property
    def total(self) -> int:
        """How many routes there are."""
        return sum(one.routes for one in self.queues)

    def listening(self, route: str | None = None) -> int:
        """Count the live workers, or those that listen on a route of this name."""
        if route is None:
            return self.workers
        return sum(count for (_, name), count in self.working.items() if name == route)


class _Read(msgspec.Struct, frozen=True):
    found: Busiest
    working: Counter[Name]
    workers: int
    staffed: frozenset[Name]


def board(queue: str | None = None, *, closer: bool = False) -> Board:
    """Read all routes (of a queue) by name, or the busiest of very many; ``closer``: also what the pending ones wait for."""
    here = source.current()
    seen, age = here.lately(("routes", queue), lambda: _read(here.backend, queue), waits=is_live())
    is_all = sum(one.routes for one in seen.found.queues) <= len(seen.found.routes)
    infos = list(seen.found.routes)
    if is_all:
        infos.sort(key=lambda info: (info.queue, info.route))
    shown = lines(infos, seen.working, closer=closer, key=queue)
    return Board(
        lines=shown,
        queues=seen.found.queues,
        is_all=is_all,
        workers=seen.workers,
        staffed=seen.staffed,
        working=seen.working,
        age=age,
    )


def lines(
    infos: Sequence[RouteInfo], working: Counter[Name], *, closer: bool = False, key: object = None
) -> list[Line]:
    """Make lines of routes; ``key``: which they are."""
    here = source.current()
    full = [info for info in infos if info.counts[State.PENDING]][:_LOOKED_AT] if closer else []
    if len(full) <= _AT_ONCE:
        waits = here.shared(("waits", closer, key), lambda: _waits(here.backend, full))
    else:
        waits = (
            here.latest(("waits", key), WAITS_SECONDS, lambda: _waits(here.backend, full), patience=PATIENCE)
            or {}
        )
    sparks = (
        here.latest(("sparks", key), SPARK_SECONDS, lambda: _sparks(here.backend, infos), patience=PATIENCE)
        or {}
    )
    return [
        Line(
            info=info,
            workers=working[info.queue, info.route],
            waits=waits.get((info.queue, info.route)) if info.counts[State.PENDING] else Waits(),
            spark=sparks.get((info.queue, info.route)),
        )
        for info in infos
    ]


def place_of(info: RouteInfo) -> Name:
    """Return by what routes are sorted and paged."""
    return info.queue, info.route


def page(
    store: Backend,
    queue: str | None,
    text: str,
    limit: int,
    *,
    after: Name | None = None,
    before: Name | None = None,
) -> Part[RouteInfo]:
    """Read a page of routes by name. One ``before`` a route is chosen from all, since stores list onward only."""
    if before is None:
        return part_after(store.route_page(queue, text, limit + 1, after), place_of, limit, after)
    found = [info for info in store.routes(queue) if has_text(info.queue, info.route, text)]
    return part_of(found, place_of, limit, before=before)


def named(store: Backend, queue: str, route: str) -> list[RouteInfo]:
    """Read one route; none, where it does not exist."""
    # What comes before it has the same beginning, or is shorter.
    after = (queue, route[:-1])
    while page := store.route_page(queue, route, LOOK, after):
        found = [info for info in page if info.route == route]
        if found or page[-1].route > route or len(page) < LOOK:
            return found
        after = (queue, page[-1].route)
    return []


def of_name(store: Backend, queue: str | None, route: str) -> list[RouteInfo]:
    """Read the routes of a name, of one queue or of all."""
    if queue is not None:
        return named(store, queue, route)
    found: list[RouteInfo] = []
    after = None
    while page := store.route_page(None, route, _PAGE, after):
        found += [info for info in page if info.route == route]
        after = place_of(page[-1])
        if len(page) < _PAGE:
            break
    return found


def places_of(store: Backend, queue: str | None, route: str | None, most: int) -> list[Name] | None:
    """Name the routes of a queue or of a name; ``None``: there are more than ``most``."""
    if queue is not None and route is not None:
        return [(info.queue, info.route) for info in named(store, queue, route)]
    found: list[Name] = []
    after = None
    while page := store.route_page(queue, route or "", _PAGE, after):
        after = page[-1].queue, page[-1].route
        found += [(info.queue, info.route) for info in page if route in (None, info.route)]
        if len(found) > most:
            return None
        if len(page) < _PAGE:
            break
    return found


def paused_of(store: Backend, places: Collection[Name]) -> set[Name]:
    """Return those of some routes that are paused."""
    seen = store.busiest(limit=MANY)
    known = {(info.queue, info.route): info.paused for info in seen.routes}
    some = {one.queue: one.paused == one.routes for one in seen.queues if one.paused}
    return {
        place
        for place in places
        if place[0] in some
        and (
            some[place[0]]
            or (known[place] if place in known else any(info.paused for info in named(store, *place)))
        )
    }


def lines_of(queue: str | None, route: str) -> list[Line]:
    """Read the routes of a name as lines, however many others there are; none, where there is none."""
    here = source.current()
    return here.shared(
        ("route lines", queue, route),
        lambda: lines(
            of_name(here.backend, queue, route), working(here.backend, queue), key=("of name", queue, route)
        ),
    )


def working(store: Backend, queue: str | None = None) -> Counter[Name]:
    """Count the live workers that listen on each route."""
    return _places_of(store.workers(queue))


def workplaces() -> Counter[Name]:
    """Count the live workers of each route, once for all pages that show them."""
    here = source.current()
    return here.shared(("working",), lambda: working(here.backend))


def _places_of(live: Sequence[WorkerRecord]) -> Counter[Name]:
    return Counter(place for worker in live for place in worker.places)


def _read(store: Backend, queue: str | None) -> _Read:
    live = store.workers(queue)
    working = _places_of(live)
    return _Read(store.busiest(queue, MANY), working, len(live), frozenset(working))


def waits_of(backend: Backend, info: RouteInfo, now: float, look: int) -> Waits:
    """Look at the first pending firings of a route."""
    query = Query(queue=info.queue, route=info.route, states=(State.PENDING,), newest=False)
    page = backend.rows(query, limit=look)
    kinds: Counter[str] = Counter()
    for row in page.rows:
        kinds["due" if row.due <= now else "retrying" if row.waits in RETRIES else "later"] += 1
    return Waits(due=kinds["due"], later=kinds["later"], retrying=kinds["retrying"], exact=page.next is None)


def _waits(backend: Backend, found: Sequence[RouteInfo]) -> dict[Name, Waits]:
    if "rows" not in backend.capabilities:
        return {}
    now = backend.now()
    return {(info.queue, info.route): waits_of(backend, info, now, LOOK) for info in found}


def _sparks(backend: Backend, found: Sequence[RouteInfo]) -> dict[Name, Spark]:
    if "counters" not in backend.capabilities:
        return {}
    end = backend.now() // 60 * 60
    begin = end - _SPARK_PART * _SPARK_PARTS
    names = [(info.queue, info.route) for info in found[:_SPARK_ROUTES]]
    ended: dict[Name, list[float]] = defaultdict(lambda: [0.0] * _SPARK_PARTS)
    for each in backend.counters(names, begin, end):
        part = int((each.begin - begin) // _SPARK_PART)
        ended[each.queue, each.route][part] += sum(
            each.values.get(state, 0.0) for state in ("complete", "error", "killed", "expired")
        )
    return {name: spark(ended[name]) for name in names}

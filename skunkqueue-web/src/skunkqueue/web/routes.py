"""Routes as pages show them: counts, what the pending ones wait for, workers, and how the last hour went."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import msgspec

from skunkqueue.listings import Query
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import RouteInfo, State
from skunkqueue.web import source
from skunkqueue.web.charts import Spark, spark

MOST = 500
"""Routes that a page shows at most."""
_LOOK = 200
"""Pending firings of a route that are looked at to say what they wait for."""
_LOOK_CLOSER = 500
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


def lines(*, closer: bool = False) -> list[Line]:
    """Read all routes, by name; ``closer``: also what the pending ones wait for, which looks at rows."""
    here = source.current()
    found, working = here.shared("routes", lambda: read(here.backend))
    full = [info for info in found if info.counts[State.PENDING]][:_LOOKED_AT] if closer else []
    if len(full) <= _AT_ONCE:
        waits = here.shared(("waits", closer), lambda: _waits(here.backend, full))
    else:
        waits = (
            here.latest("waits", WAITS_SECONDS, lambda: _waits(here.backend, full), patience=PATIENCE) or {}
        )
    sparks = (
        here.latest("sparks", SPARK_SECONDS, lambda: _sparks(here.backend, found), patience=PATIENCE) or {}
    )
    return [
        Line(
            info=info,
            workers=working[info.queue, info.route],
            waits=waits.get((info.queue, info.route)) if info.counts[State.PENDING] else Waits(),
            spark=sparks.get((info.queue, info.route)),
        )
        for info in found
    ]


def read(backend: Backend, queue: str | None = None) -> tuple[list[RouteInfo], Counter[Name]]:
    """Read all routes (of a queue), and how many live workers listen on each."""
    working = Counter(place for worker in backend.workers(queue) for place in worker.places)
    return backend.routes(queue), working


def waits_of(backend: Backend, info: RouteInfo, now: float, look: int = _LOOK_CLOSER) -> Waits:
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
    return {(info.queue, info.route): waits_of(backend, info, now, _LOOK) for info in found}


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

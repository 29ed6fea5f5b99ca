"""What was counted over a time that has passed, added up by route and by job; for ``skunq stats``. Prints nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from skunkqueue.counters import SAMPLES, Counters, add
from skunkqueue.persistence.backend import Backend
from skunkqueue.persistence.route_pages import busiest_of
from skunkqueue.records import RouteInfo

MINUTE, HOUR = 60.0, 3_600.0
MAX_ROUTES = 1_000
"""Routes that are read at most: of more, the busiest."""
AT_ONCE = 100
"""Routes that are read at once."""
FINAL = ("complete", "error", "killed", "expired")


class Line(NamedTuple):
    """What was counted on one route, of one job or of all."""

    queue: str
    route: str
    job: str | None
    values: dict[str, float]
    """Over all of the time."""
    done: list[float]
    """Firings that ended in each minute or hour."""
    samples: dict[str, list[float]]
    """By name, the largest of each minute or hour: how many were pending and running, and for how long the oldest had been due."""

    @property
    def ended(self) -> float:
        """How many ended."""
        return sum(self.values.get(name, 0.0) for name in FINAL)


class Period(NamedTuple):
    """The time that is asked for, in whole minutes or hours, the present one included."""

    begin: float
    now: float
    step: float

    @property
    def steps(self) -> int:
        """How many there are."""
        return int((self.now - self.begin) // self.step) + 1

    @property
    def seconds(self) -> float:
        """How long it is."""
        return max(self.now - self.begin, 1.0)


def busiest(routes: Sequence[RouteInfo]) -> Sequence[RouteInfo]:
    """Return as many of the routes as are read, in the order in which they are given."""
    if len(routes) <= MAX_ROUTES:
        return routes
    chosen = {(info.queue, info.route) for info in busiest_of(routes, MAX_ROUTES).routes}
    return [info for info in routes if (info.queue, info.route) in chosen]


def read(store: Backend, places: Sequence[tuple[str, str]], period: Period, *, jobs: bool) -> list[Line]:
    """Read the lines of these routes; with ``jobs``, one for each job."""
    found: list[Line] = []
    for begin in range(0, len(places), AT_ONCE):
        batch = places[begin : begin + AT_ONCE]
        counted = store.counters(batch, period.begin, period.now + 1.0, hours=period.step == HOUR, jobs=jobs)
        found += lines_of(counted, period)
    return found


def lines_of(counted: Iterable[Counters], period: Period) -> list[Line]:
    """Add up what was counted, each route and job; those where nothing was enqueued or ended are left out."""
    lines: dict[tuple[str, str, str | None], Line] = {}
    for each in counted:
        name = (each.queue, each.route, each.job)
        line = lines.get(name)
        if line is None:
            samples = {sample: [0.0] * period.steps for sample in SAMPLES}
            line = lines[name] = Line(*name, {}, [0.0] * period.steps, samples)
        add(line.values, each.values)
        at = int((each.begin - period.begin) // period.step)
        if 0 <= at < period.steps:
            line.done[at] += sum(each.values.get(state, 0.0) for state in FINAL)
            for sample, values in line.samples.items():
                values[at] = max(values[at], each.values.get(sample, 0.0))
    return [line for line in lines.values() if any(line.values.values())]

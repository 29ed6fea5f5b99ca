"""Names that a form suggests: queues, routes and jobs that the store knows, up to a bound."""

from __future__ import annotations

import msgspec

from skunkqueue.persistence.asking import OTHER_JOBS
from skunkqueue.web import source
from skunkqueue.web.job_sums import FRESH, job_sums

MOST = 200
"""Names of a kind."""
_FEW = 10
"""Routes whose jobs are suggested, where there are very many."""


class Suggested(msgspec.Struct, frozen=True, kw_only=True):
    """Names, in order."""

    queues: tuple[str, ...]
    routes: tuple[str, ...]
    jobs: tuple[str, ...]


def suggested() -> Suggested:
    """Return the names that the store knows."""
    return source.current().cached("suggestions", FRESH, _read)


def _read() -> Suggested:
    store = source.current().backend
    found = store.busiest(limit=MOST)
    is_all = sum(one.routes for one in found.queues) <= len(found.routes)
    places: list[tuple[str | None, str | None]]
    places = [(None, None)] if is_all else [(info.queue, info.route) for info in found.routes[:_FEW]]
    jobs = [one for queue, route in places for one in job_sums(queue, route)]
    return Suggested(
        queues=_some({one.queue for one in found.queues}),
        routes=_some({info.route for info in found.routes}),
        jobs=_some({one.job for one in jobs} - {OTHER_JOBS, ""}),
    )


def _some(names: set[str]) -> tuple[str, ...]:
    return tuple(sorted(names)[:MOST])

"""Names that a form suggests: queues, routes and jobs that the store knows, up to a bound."""

from __future__ import annotations

import msgspec

from skunkqueue.persistence.asking import OTHER_JOBS
from skunkqueue.web import source

FRESH = 15.0
"""Seconds for which names are remembered."""
MOST = 200
"""Names of a kind."""


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
    routes = store.routes()
    jobs = store.job_counts() if "rows" in store.capabilities else []
    return Suggested(
        queues=_some({route.queue for route in routes}),
        routes=_some({route.route for route in routes}),
        jobs=_some({one.job for one in jobs} - {OTHER_JOBS, ""}),
    )


def _some(names: set[str]) -> tuple[str, ...]:
    return tuple(sorted(names)[:MOST])

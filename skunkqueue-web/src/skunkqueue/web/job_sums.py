"""How many firings each job has, by route and state: read once for all that a page shows of it.

With thousands of pairs of route and job, reading them takes longer than a page of rows.
"""

from __future__ import annotations

from collections.abc import Sequence

from skunkqueue.listings import Count, JobCount, Query
from skunkqueue.records import State
from skunkqueue.web import source

FRESH = 15.0
"""Seconds for which they are remembered."""
LOOKED_AT = 300
"""Firings of a job that are looked at for each state's count, where the store does not count it by its own name."""


def can_count() -> bool:
    """Return whether the store can count the firings of a job."""
    return "rows" in source.current().backend.capabilities


def job_sums(queue: str | None = None, route: str | None = None) -> Sequence[JobCount]:
    """Return what the store counts; nothing where it cannot, see ``can_count``. Some seconds old, but not older than what somebody did by this monitor."""
    here = source.current()
    if not can_count():
        return ()
    return here.cached(
        ("job sums", queue, route),
        FRESH,
        lambda: here.backend.job_counts(queue, route),
        since_action=True,
        size=len,
    )


def job_states(job: str, queue: str | None = None, route: str | None = None) -> dict[State, Count]:
    """Count the firings of one job by state, by looking at them where needed; as old as ``job_sums``."""
    here = source.current()
    query = Query(queue=queue, route=route, job=job)
    return here.cached(
        ("job states", query),
        FRESH,
        lambda: here.backend.count_states(query, LOOKED_AT),
        since_action=True,
    )

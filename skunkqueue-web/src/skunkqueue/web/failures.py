"""Failures as pages and the API group them: the newest ones, and some of each job that these hide."""

from __future__ import annotations

from skunkqueue import failures
from skunkqueue.failures import ByJob
from skunkqueue.listings import Query
from skunkqueue.web import source
from skunkqueue.web.job_sums import job_sums
from skunkqueue.web.routes import places_of

FRESH = 15.0
MOST_ROUTES = 500
"""Routes up to which it is known which jobs failed; counting the jobs of more takes too long for a page."""


def read_failures(query: Query, look: int) -> ByJob:
    """Read the newest ``look`` failures, and some of each job that these hide, where it is known which jobs failed."""
    here = source.current()
    found = failures.read(here.backend, query, look)
    failed = _failed_jobs(query) if found.more and query.job is None else {}
    return failures.read_by_job(here.backend, query, found, failed, failures.OF_EACH)


def knows_jobs(query: Query) -> bool:
    """Return whether it is known which jobs failed on the routes of a filter."""
    here = source.current()
    return here.cached(
        ("are routes few", query.queue, query.route),
        FRESH,
        lambda: places_of(here.backend, query.queue, query.route, MOST_ROUTES) is not None,
    )


def _failed_jobs(query: Query) -> dict[str, int]:
    if not knows_jobs(query):
        return {}
    here = source.current()
    kept = job_sums(query.queue, query.route)
    since, until = query.finished or (None, None)
    # Relative times move with each second, and counters are by the hour.
    key = (
        "failed jobs",
        query.queue,
        query.route,
        since and round(since, -2),
        until and round(until, -2),
    )
    in_time = here.cached(key, FRESH, lambda: failures.counted_in_time(here.backend, kept, query))
    return failures.failed_jobs(kept, query, in_time)

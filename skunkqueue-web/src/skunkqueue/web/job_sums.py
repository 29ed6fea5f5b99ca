"""How many firings each job has, by route and state: read once for all that a page shows of it.

With thousands of pairs of route and job, reading them takes longer than a page of rows.
"""

from __future__ import annotations

from collections.abc import Sequence

from skunkqueue.listings import JobCount
from skunkqueue.web import source

FRESH = 15.0
"""Seconds for which they are remembered."""


def job_sums(queue: str | None = None, route: str | None = None) -> Sequence[JobCount]:
    """Return what the store counts; nothing where it cannot. Some seconds old, but not older than what somebody did by this monitor."""
    here = source.current()
    if "rows" not in here.backend.capabilities:
        return ()
    return here.cached(
        ("job sums", queue, route),
        FRESH,
        lambda: here.backend.job_counts(queue, route),
        since_action=True,
        size=len,
    )

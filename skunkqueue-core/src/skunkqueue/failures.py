"""Reading failures, newest first, a bounded number of them. Prints nothing.

Where one job fails so often that its failures are all that is read, a few of each other job are read as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from skunkqueue.listings import MAX_ROWS, JobCount, Query, Row
from skunkqueue.persistence.asking import HOURS_KEPT, OTHER_JOBS
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import State

MOST_LOOKED = 10_000
"""How many of the newest failures are read where somebody waits for the answer."""
MOST_JOBS = 20
"""Jobs that are asked for one by one, at most."""
OF_EACH = 50
"""Failures that are read of each of these where a page waits for the answer."""
MOST_COUNTERS = 20_000
"""Counters that are read to find out which jobs failed in a time, at most."""


class Failures(NamedTuple):
    """Failures that were read."""

    rows: list[Row]
    """Newest first."""
    looked: int
    more: bool
    """Whether there are older ones, which were not read."""


def read(store: Backend, query: Query, most: int) -> Failures:
    """Read what matches; ``query`` is for failures, newest first. Looks at no more than about ``most``."""
    rows: list[Row] = []
    looked, cursor = 0, None
    while True:
        page = store.rows(query, min(MAX_ROWS, most - looked), cursor)
        rows += page.rows
        looked += max(page.looked, len(page.rows))
        cursor = page.next
        if cursor is None or looked >= most:
            return Failures(rows, looked, cursor is not None)


class ByJob(NamedTuple):
    """Failures that were read: the newest ones, and some of each job that these hide."""

    rows: list[Row]
    """Newest first."""
    looked: int
    more: bool
    """Whether there are older ones than the newest, of which only some were read."""
    oldest: float | None
    """When the oldest of the newest failed; none was left out from then on. ``None``: none was left out at all."""
    whole: frozenset[str]
    """Jobs of which all failures were read, where there are ``more``."""
    left: dict[str, int]
    """Jobs of which no failure was read, and how many they have; most first."""

    def has_all(self, job: str) -> bool:
        """Return whether no failure of a job was left out."""
        return not self.more or job in self.whole


def read_by_job(store: Backend, query: Query, found: Failures, failed: Mapping[str, int], each: int) -> ByJob:
    """Read up to ``each`` failures of jobs that what was ``found`` hides; ``failed`` are all jobs with failures, and how many.

    It asks for MOST_JOBS jobs at most: first for those of which nothing was found, those with the most failures first.
    """
    rows, looked, more = found
    oldest = rows[-1].finished if more and rows else None
    if not more or query.job is not None:
        return ByJob(rows, looked, more, oldest, frozenset(), {})
    seen = Counter(row.job for row in rows)
    jobs = {*failed, *seen} - {OTHER_JOBS}
    hidden = sorted(
        (job for job in jobs if seen[job] < each), key=lambda job: (seen[job] > 0, -failed.get(job, 0), job)
    )
    by_id = {row.id: row for row in rows}
    whole, left = set(), {job: failed[job] for job in (OTHER_JOBS,) if job in failed}
    for number, job in enumerate(hidden):
        page = None
        if number < MOST_JOBS:
            page = store.rows(msgspec.structs.replace(query, job=job), each)
            looked += max(page.looked, len(page.rows))
            by_id.update((row.id, row) for row in page.rows)
        if page is not None and page.next is None:
            whole.add(job)
        elif not seen[job] and (page is None or not page.rows):
            left[job] = failed[job]
    rows = sorted(by_id.values(), key=lambda row: (row.finished or 0.0, row.id), reverse=True)
    return ByJob(rows, looked, more, oldest, frozenset(whole), left)


def failed_jobs(kept: Sequence[JobCount], query: Query, in_time: Mapping[str, int] | None) -> dict[str, int]:
    """Name the jobs that may have failures which match, and how many: by what is ``kept``, and by the counters of the time.

    ``in_time``: from ``counted_in_time``, or ``None``.
    """
    found: Counter[str] = Counter()
    for one in kept:
        if query.job in (None, one.job) and one.counts[State.ERROR]:
            found[one.job] += one.counts[State.ERROR]
    if in_time is None:
        return dict(found)
    return {job: min(count, in_time[job]) for job, count in found.items() if in_time.get(job)}


def counted_in_time(store: Backend, kept: Sequence[JobCount], query: Query) -> dict[str, int] | None:
    """Count by the counters of each hour how often each job failed in the times of ``query``; ``None``: they do not know."""
    since, until = query.finished or (None, None)
    now = store.now()
    if since is None or since < now - HOURS_KEPT or "counters" not in store.capabilities:
        return None
    begin, end = since // 3_600.0 * 3_600.0, now if until is None else until
    places = sorted({(one.queue, one.route) for one in kept if one.counts[State.ERROR]})
    if len(kept) * ((end - begin) // 3_600.0 + 1) > MOST_COUNTERS:
        return None
    found: Counter[str] = Counter()
    for one in store.counters(places, begin, end, hours=True, jobs=True) if places else ():
        if one.job is not None:
            found[one.job] += int(one.values.get("error", 0.0))
    return dict(found)

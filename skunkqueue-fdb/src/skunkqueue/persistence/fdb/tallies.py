"""Adding to counts and counters. Only the names of jobs are read with conflict, and they hardly ever change."""

from __future__ import annotations

from collections.abc import Mapping

from skunkqueue.persistence.asking import MAX_JOBS, OTHER_JOBS
from skunkqueue.persistence.fdb import keys, vectors
from skunkqueue.persistence.fdb.records import as_names, encode
from skunkqueue.persistence.fdb.transactions import Transaction
from skunkqueue.records import State

LATEST = 30.0
"""Seconds after which nothing is counted in a minute any more that is over."""


def told_apart(tr: Transaction, queue: str, route: str, job: str) -> str:
    """Return under which name a job is counted: its own, or that of all who came after the first MAX_JOBS."""
    known = tr.link.jobs.get((queue, route), ())
    if job in known:
        return job
    if len(known) >= MAX_JOBS or job == OTHER_JOBS:
        return OTHER_JOBS
    key = tr.keys.jobs + keys.place(queue, route)
    value = tr.get(key).value
    names: tuple[str, ...] = () if value is None else as_names(value)
    if job in names or len(names) >= MAX_JOBS:
        # Only what is committed may be relied on by later calls, and this try may have added to it.
        if tr.grown is None or (queue, route) not in tr.grown:
            tr.link.jobs[queue, route] = names
        return job if job in names else OTHER_JOBS
    tr.grown = {*(tr.grown or ()), (queue, route)}
    tr.set(key, encode((*names, job)))
    return job


def shift(tr: Transaction, queue: str, route: str, job: str, changes: Mapping[State, int]) -> None:
    """Change how many firings of a job are in each state."""
    name = told_apart(tr, queue, route, job)
    tr.add(tr.keys.counts + keys.place(queue, route) + keys.name(name), vectors.counts(changes))


def count(tr: Transaction, queue: str, route: str, job: str, values: Mapping[str, float]) -> None:
    """Count what happened to firings of a job, in this minute."""
    name = told_apart(tr, queue, route, job)
    # What a transaction does on behalf of an earlier moment must not come into a minute that was rolled up.
    now = max(tr.now, tr.link.time.now() - LATEST)
    minute = keys.count(max(int(now // 60), 0))
    key = tr.keys.minute + keys.place(queue, route) + minute + keys.name(name)
    tr.add(key + b"\0", vectors.events(values))
    buckets = vectors.histograms(values)
    if buckets is not None:
        tr.add(key + b"\1", buckets)

"""Final outcomes in chunks, as ``scripts/lib/finish_all.lua`` takes them, and what each chunk counts.

A chunk has firings of one token, verdict and ttl, and of one job; of all jobs where these are many.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from skunkqueue.ids import new_id
from skunkqueue.persistence import rules
from skunkqueue.persistence.listing import error_type
from skunkqueue.persistence.redis import wire
from skunkqueue.persistence.redis.records import end_of
from skunkqueue.records import Outcome, Verdict

LARGEST = 1_000
"""Firings in a chunk at most, since it is read and written as a whole."""
_FEW = 3
"""Where the firings that end together have more jobs than these, they are one chunk, and their counters are logged."""
Shared = tuple[int, Verdict, "float | None"]
"""Token, verdict and ttl, which the firings of a chunk share."""


def groups_of(outcomes: list[Outcome], blobs: wire.Blobs) -> list[Any]:
    """Sort final outcomes into groups, each of which becomes a chunk."""
    groups: dict[Shared, list[Outcome]] = {}
    last: Shared | None = None
    group: list[Outcome] = []
    for outcome in outcomes:
        shared = (outcome.token, outcome.verdict, outcome.ttl)
        if shared != last:
            last = shared
            group = groups.setdefault(shared, [])
        group.append(outcome)
    found = []
    for shared, group in groups.items():
        for start in range(0, len(group), LARGEST):
            part = group[start : start + LARGEST]
            jobs = _by_job(part)
            found += [
                _group(shared, outcomes, jobs, blobs)
                for outcomes in ([part] if len(jobs) > _FEW else jobs.values())
            ]
    return found


def _group(
    shared: Shared, outcomes: list[Outcome], jobs: dict[str, list[Outcome]], blobs: wire.Blobs
) -> list[Any]:
    token, verdict, ttl = shared
    chunk, state = new_id(), verdict.value
    listed = blobs.put("".join([outcome.id for outcome in outcomes]).encode())
    before = len(blobs) + 1
    blobs += [end_of(outcome, chunk, state) for outcome in outcomes]
    job: str | tuple[list[str], list[int], int]
    counters: int | list[str | float]
    if len(jobs) > _FEW:
        ids = [(name, "".join([outcome.id for outcome in own])) for name, own in jobs.items()]
        job = (list(jobs), list(map(len, jobs.values())), blobs.put(wire.encode(ids)))
        counters = blobs.put(wire.encode(_fields(verdict, jobs)))
    else:
        job = outcomes[0].job
        counters = [part for pair in counted(verdict, outcomes).items() for part in pair]
    ttl = rules.kept_for(verdict.state, ttl)
    return [wire.token(token), state, ttl, chunk, listed, before, counters, job, marks_of(outcomes)]


def _by_job(outcomes: list[Outcome]) -> dict[str, list[Outcome]]:
    found: dict[str, list[Outcome]] = {}
    last: str | None = None
    own: list[Outcome] = []
    for outcome in outcomes:
        if outcome.job != last:
            last = outcome.job
            own = found.setdefault(last, [])
        own.append(outcome)
    return found


def counted(verdict: Verdict, outcomes: list[Outcome]) -> dict[str, float]:
    """Add up what outcomes of one job and verdict count."""
    values: dict[str, float] = {}
    rules.tally_outcomes(values, verdict, outcomes)
    return values


def _fields(verdict: Verdict, jobs: dict[str, list[Outcome]]) -> list[str | float]:
    """Add up what outcomes of many jobs count: fields as ``job_names.lua`` names them, and their values."""
    found: list[str | float] = []
    for job, outcomes in jobs.items():
        tail = f"\n{job}" if job else ""
        for name, value in counted(verdict, outcomes).items():
            found += (name + tail, value)
    return found


def marks_of(outcomes: Sequence[Outcome]) -> list[tuple[str, str]]:
    """List the marks by which some of these firings are found, each with their ids one after the other."""
    found: dict[str, str] = {}
    for outcome in outcomes:
        if outcome.tags or not (outcome.key is outcome.error is outcome.parent is None):
            marks = [f"t:{tag}" for tag in outcome.tags]
            if outcome.key is not None:
                marks.append(f"k:{outcome.key}")
            if outcome.error is not None:
                marks.append(f"e:{error_type(outcome.error)}")
            if outcome.parent is not None:
                marks.append(f"p:{outcome.parent}")
            for mark in dict.fromkeys(marks):
                found[mark] = found.get(mark, "") + outcome.id
    return list(found.items())

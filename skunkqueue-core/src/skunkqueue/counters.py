"""What is counted of firings, by route, job and time. All stores add it up here, once a batch.

Names of the values: ``enqueued``, ``complete``, ``error``, ``killed``, ``expired``, ``retried``, ``snoozed``, ``released``,
``deaths`` (leases that ended and workers that died while a job of this name had begun); ``wait`` and ``run`` (sums of
seconds, over attempts that began and ended); and histograms of both.

A histogram has one value for each of its buckets that holds any: ``w:N`` (wait) and ``r:N`` (run) tell how many times
were over ``GROWTH ** (N - 1)`` and up to ``GROWTH ** N`` seconds. These are the buckets of a Prometheus native histogram
of schema 2; a percentile read from them is at most 9 % off. What is shorter than SHORTEST is in its bucket, what is
longer than LONGEST likewise.

Samples: ``pending``, ``running`` and ``oldest`` (seconds for which the first in line has been due), taken once a minute;
for an hour, the largest of its minutes. Before there were such histograms, stores kept others (``wait<0.5``, ``run<0.5``: how
many took less than that and not less than the bound before); ``percentile`` reads both.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

import msgspec

from skunkqueue.records import Verdict

GROWTH = 2.0**0.25
"""By how much the end of each bucket is larger than that of the one before."""
_FIRST, _LAST = -66, 86
SHORTEST, LONGEST = GROWTH**_FIRST, GROWTH**_LAST
"""Ends of the first and the last bucket: 11 µs, 34 days."""
_ENDS = tuple(GROWTH**number for number in range(_FIRST, _LAST))
_WAIT_NAMES = tuple(f"w:{number}" for number in range(_FIRST, _LAST + 1))
_RUN_NAMES = tuple(f"r:{number}" for number in range(_FIRST, _LAST + 1))
_COUNTED = {
    Verdict.COMPLETE: "complete",
    Verdict.ERROR: "error",
    Verdict.KILLED: "killed",
    Verdict.EXPIRED: "expired",
    Verdict.RETRY: "retried",
    Verdict.SNOOZE: "snoozed",
    Verdict.RELEASE: "released",
}
SAMPLES = ("pending", "running", "oldest")
_FORMS = {"wait": ("w:", "wait<"), "run": ("r:", "run<")}


class Counters(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What was counted on one route, of one job or of all, in one minute or hour, or ever."""

    queue: str
    route: str
    job: str | None
    """``None``: all jobs together."""
    begin: float
    """When the minute or hour began, store's time; 0: ever."""
    values: dict[str, float]


def tally(values: dict[str, float], verdict: Verdict, due: float, began: float | None, took: float) -> None:
    """Add one settled outcome to ``values``; ``due`` and ``began`` are store times."""
    counted = _COUNTED.get(verdict)
    if counted is None:
        return
    values[counted] = values.get(counted, 0) + 1
    if began is None:
        return
    wait = began - due if began > due else 0.0
    values["wait"] = values.get("wait", 0.0) + wait
    values["run"] = values.get("run", 0.0) + took
    name = _WAIT_NAMES[bisect_left(_ENDS, wait)]
    values[name] = values.get(name, 0) + 1
    name = _RUN_NAMES[bisect_left(_ENDS, took)]
    values[name] = values.get(name, 0) + 1


def tally_batch(
    values: dict[str, float], verdict: Verdict, count: int, waits: Iterable[float], tooks: Iterable[float]
) -> None:
    """Add ``count`` outcomes of one verdict, and the times of those that began; as ``tally`` for each, in less time.

    A wait is what lay between due time and beginning, and not negative.
    """
    counted = _COUNTED.get(verdict)
    if counted is None:
        return
    get = values.get
    values[counted] = get(counted, 0) + count
    for total, names, times in (("wait", _WAIT_NAMES, waits), ("run", _RUN_NAMES, tooks)):
        # In order, so that one looks for each bucket and not for each time.
        ordered = sorted(times)
        first, length = 0, len(ordered)
        if length == 1:
            # As of most jobs in a batch of many.
            name = names[bisect_left(_ENDS, ordered[0])]
            values[total], values[name] = get(total, 0.0) + ordered[0], get(name, 0) + 1
            continue
        if ordered:
            values[total] = get(total, 0.0) + sum(ordered)
        while first < length:
            bucket = bisect_left(_ENDS, ordered[first])
            last = bisect_right(ordered, _ENDS[bucket], first) if bucket < len(_ENDS) else length
            values[names[bucket]] = get(names[bucket], 0) + last - first
            first = last


def sample_of(pending: int, running: int, oldest_due: float | None, now: float) -> dict[str, float]:
    """Make the sample of a route: how many wait and run, and when the first that waits was or will be due."""
    oldest = 0.0 if oldest_due is None else max(now - oldest_due, 0.0)
    return {"pending": float(pending), "running": float(running), "oldest": oldest}


def add(values: dict[str, float], more: Mapping[str, float]) -> None:
    """Add counters to others; samples are not added, the larger one stays."""
    get = values.get
    largest = [(name, max(get(name, 0.0), more[name])) for name in SAMPLES if name in more]
    for name, value in more.items():
        values[name] = get(name, 0) + value
    values.update(largest)


def add_beside(values: dict[str, float], more: Mapping[str, float]) -> None:
    """Add the counters of another route at the same time: what waits and runs there is added, too."""
    lines = {name: values.get(name, 0.0) + more[name] for name in ("pending", "running") if name in more}
    add(values, more)
    values.update(lines)


def percentile(values: Mapping[str, float], of: str, share: float) -> float | None:
    """Estimate the seconds within which a share of the waits (``of="wait"``) or runs (``"run"``) lay.

    ``None`` where none was counted. At most 9 % off for what was counted in today's buckets.
    """
    return percentile_of(buckets(values, of), share)


def percentile_of(histogram: Sequence[tuple[float, float, float]], share: float) -> float | None:
    """Do the same with what ``buckets`` returned."""
    (found,) = percentiles_of(histogram, (share,)) or (None,)
    return found


def percentiles_of(
    histogram: Sequence[tuple[float, float, float]], shares: Sequence[float]
) -> list[float] | None:
    """Do the same for several shares, in rising order; ``None`` where nothing was counted."""
    total = 0.0
    for _, _, count in histogram:
        total += count
    if not total:
        return None
    found: list[float] = []
    seen, wanted = 0.0, len(shares)
    for lower, upper, count in histogram:
        seen += count
        while len(found) < wanted and shares[len(found)] * total - seen <= 1e-9:
            found.append(_middle(lower, upper))
    # Fractions may be lost while so many are added up.
    return found + [_middle(lower, upper)] * (wanted - len(found))


def buckets(values: Mapping[str, float], of: str) -> list[tuple[float, float, float]]:
    """List a histogram as (from, to, how many), in order; ``of`` is ``wait`` or ``run``."""
    found = []
    for name, count in values.items():
        kind, lower, upper = _bucket(name)
        if kind == of:
            found.append((lower, upper, count))
    found.sort()
    return found


@lru_cache(maxsize=1_024)
def _bucket(name: str) -> tuple[str, float, float]:
    """Return what a counter is a bucket of, and its bounds; there are few names, and reading one costs."""
    for of, (form, old) in _FORMS.items():
        if name.startswith(form):
            number = int(name[len(form) :])
            return of, (0.0 if number <= _FIRST else GROWTH ** (number - 1)), GROWTH**number
        if name.startswith(old):
            upper = float(name[len(old) :])
            bounds = (0.0, *_OLD_BOUNDS, math.inf)
            return of, bounds[bisect_left(bounds, upper) - 1], upper
    return "", 0.0, 0.0


_OLD_BOUNDS = (
    0.001,
    0.002,
    0.005,
    0.01,
    0.02,
    0.05,
    0.1,
    0.2,
    0.5,
    1.0,
    2.0,
    5.0,
    10.0,
    30.0,
    60.0,
    300.0,
    3600.0,
)


def _middle(lower: float, upper: float) -> float:
    """Return the estimate for a time in this range whose largest relative error is the smallest."""
    if math.isinf(upper):
        return lower
    return 2 * lower * upper / (lower + upper) if lower else upper

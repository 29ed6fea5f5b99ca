"""Counters a minute by queue and route, added up once a batch; no store computes them on its own.

Names of the values: ``enqueued``, ``complete``, ``error``, ``killed``, ``expired``, ``retried``;
``wait`` and ``run`` (sums of seconds, over firings that began); ``wait<B`` and ``run<B`` (how many took
less than B seconds and not less than the bound before), with B from ``BOUNDS``, and ``wait<inf``.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from skunkqueue.records import Verdict

BOUNDS = (
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
"""Upper ends of the histogram's buckets, in seconds; one more holds what is longer."""

_ENDS = (*BOUNDS, float("inf"))
_WAIT_NAMES = (*(f"wait<{bound:g}" for bound in BOUNDS), "wait<inf")
_RUN_NAMES = (*(f"run<{bound:g}" for bound in BOUNDS), "run<inf")
_COUNTED = {
    Verdict.COMPLETE: "complete",
    Verdict.ERROR: "error",
    Verdict.KILLED: "killed",
    Verdict.EXPIRED: "expired",
    Verdict.RETRY: "retried",
}


def tally_batch(
    values: dict[str, float], verdict: Verdict, count: int, waits: list[float], tooks: list[float]
) -> None:
    """Add ``count`` outcomes of one verdict, and the times of those that began; as ``tally`` for each, in less time.

    A wait is what lay between due time and beginning, and not negative. Sorts both lists.
    """
    counted = _COUNTED.get(verdict)
    if counted is None:
        return
    values[counted] = values.get(counted, 0) + count
    if not waits:
        return
    for name, names, times in (("wait", _WAIT_NAMES, waits), ("run", _RUN_NAMES, tooks)):
        values[name] = values.get(name, 0.0) + sum(times)
        times.sort()
        done = 0
        for bucket, bound in zip(names, _ENDS, strict=True):
            upto = bisect_left(times, bound, done)
            if upto > done:
                values[bucket] = values.get(bucket, 0) + upto - done
                done = upto
                if done == len(times):
                    break


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
    name = _WAIT_NAMES[bisect_right(BOUNDS, wait)]
    values[name] = values.get(name, 0) + 1
    name = _RUN_NAMES[bisect_right(BOUNDS, took)]
    values[name] = values.get(name, 0) + 1

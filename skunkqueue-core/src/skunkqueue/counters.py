"""Counters a minute by queue and route, added up once a batch; no store computes them on its own.

Names of the values: ``enqueued``, ``complete``, ``error``, ``killed``, ``expired``, ``retried``;
``wait`` and ``run`` (sums of seconds, over firings that began); ``wait<B`` and ``run<B`` (how many took
less than B seconds and not less than the bound before), with B from ``BOUNDS``, and ``wait<inf``.
"""

from __future__ import annotations

from bisect import bisect_right

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

_WAIT_NAMES = (*(f"wait<{bound:g}" for bound in BOUNDS), "wait<inf")
_RUN_NAMES = (*(f"run<{bound:g}" for bound in BOUNDS), "run<inf")
_COUNTED = {
    Verdict.COMPLETE: "complete",
    Verdict.ERROR: "error",
    Verdict.KILLED: "killed",
    Verdict.EXPIRED: "expired",
    Verdict.RETRY: "retried",
}


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

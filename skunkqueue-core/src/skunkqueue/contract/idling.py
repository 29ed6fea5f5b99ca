"""Idling: a wait sleeps, and does not look again and again. Under the real clock.

The cost of waiting is what the system counts: how often a thread of this process goes to sleep by itself, and for how
long threads use a processor. Other threads are counted too, so the first count is made without any wait.
"""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from statistics import median
from typing import ClassVar, NamedTuple

import pytest

from skunkqueue.contract.kit import PATIENCE, Kit
from skunkqueue.contract.makers import (
    LEASE,
    OTHER,
    QUEUE,
    ROUTE,
    WORKER,
    claim,
    firing,
    outcome,
    worker,
)
from skunkqueue.persistence.backend import Backend

LONG = 60.0
SLICE, SLICES = 0.2, 5
"""Seconds for which the cost of waiting is counted, and how often. The median decides: a look that every wait takes once
a second costs much in one slice, but polling costs something in each."""
OFTEN, OFTEN_EACH = 15.0, 5.0
"""Wake-ups a second, beyond those of a process without waits, that are too many: for a few waits, and for each of many."""
BUSY = 0.25
"""The share of one processor that is too much."""
TRIES = 3
"""How often it must be too much: other threads may cause it for a while."""


class IdlePromises(Kit):
    """What ``wait`` and the other verbs that block cost."""

    stage: ClassVar[int] = 1

    @pytest.mark.parametrize("reason", ["not due", "paused route", "paused queue", "target", "running"])
    def test_waiting_is_cheap_where_nothing_may_be_claimed(self, real_backend: Backend, reason: str) -> None:
        real_backend.enqueue(
            [firing(delay=LONG if reason == "not due" else 0.0, target=OTHER if reason == "target" else None)]
        )
        if reason.startswith("paused"):
            real_backend.pause(QUEUE, ROUTE if reason == "paused route" else None)
        if reason == "running":
            claim(real_backend, worker=OTHER, lease=LONG)
        end = time.monotonic() + 0.3
        rounds = 0
        while (left := end - time.monotonic()) > 0:
            real_backend.wait(QUEUE, ROUTE, WORKER, left)
            rounds += 1
        assert rounds <= 10, f"wait returned {rounds} times in 0.3 s with nothing to claim: a busy loop"

    def test_who_waits_does_not_look_again_and_again(
        self, real_backend: Backend, threads: ThreadPoolExecutor
    ) -> None:
        wait, made = real_backend.wait, firing(delay=LONG)
        real_backend.register(worker(), LONG)
        real_backend.enqueue([made, firing(route="another's", target=OTHER), firing(route="paused")])
        real_backend.enqueue([firing(route="running")])
        real_backend.pause(QUEUE, "paused")
        claim(real_backend, worker=OTHER, lease=LONG, route="running")
        waits: Mapping[str, Callable[[float], object]] = {
            "wait": partial(wait, QUEUE, ROUTE, WORKER),
            "wait for nothing": partial(wait, QUEUE, "empty", WORKER),
            "wait for what another may have": partial(wait, QUEUE, "another's", WORKER),
            "wait for a paused route": partial(wait, QUEUE, "paused", WORKER),
            "wait for the end of a lease": partial(wait, QUEUE, "running", WORKER),
            "claim_next": lambda left: real_backend.claim_next(QUEUE, ROUTE, WORKER, 1, LEASE, timeout=left),
            "wait_settled": partial(real_backend.wait_settled, [made.id]),
            "listen": partial(real_backend.listen, WORKER),
        }

        def disturb() -> None:
            # A wait that is woken by something else goes back to sleep.
            real_backend.enqueue([firing(route="bar")])
            real_backend.settle([outcome(lent) for lent in claim(real_backend, route="bar", worker=OTHER)])

        together = too_often(waits, threads, disturb)
        if together is None:
            return
        # Which of them it is can be seen when each waits alone.
        alone = {verb: too_often({verb: wait}, threads, disturb, tries=1) for verb, wait in waits.items()}
        busy = [f"{verb} alone {cost}" for verb, cost in alone.items() if cost is not None]
        pytest.fail(
            f"who waits {together} though nothing happens; it must block in the store, and not poll"
            f" ({', '.join(busy) or 'each alone does not'})"
        )


def too_often(
    waits: Mapping[str, Callable[[float], object]],
    threads: ThreadPoolExecutor,
    disturb: Callable[[], None],
    tries: int = TRIES,
) -> str | None:
    """Let threads wait; return what it cost where that was too much in every span."""
    cost = ""
    for _ in range(tries):
        quiet = Cost.in_the_middle()
        end = time.monotonic() + SLICE * (SLICES + 3)
        waiting = [threads.submit(until, end, wait) for wait in waits.values()]
        # Afterwards all of them sleep.
        threading.Event().wait(SLICE)
        disturb()
        threading.Event().wait(SLICE)
        found = Cost.in_the_middle()
        for one in waiting:
            one.result(PATIENCE)
        wakeups, share = found.wakeups - quiet.wakeups, found.share - quiet.share
        if wakeups <= max(OFTEN, OFTEN_EACH * len(waits)) and share <= BUSY:
            return None
        cost = f"wakes {wakeups:.0f} times a second and keeps a processor busy for {share:.0%} of the time"
    return cost


class Cost(NamedTuple):
    """What this process uses."""

    wakeups: float
    """How often in a second one of its threads went to sleep."""
    share: float
    """Of one processor."""

    @classmethod
    def in_the_middle(cls) -> Cost:
        """Count over some slices of time; return the median of each number."""
        found = [cls.of(SLICE) for _ in range(SLICES)]
        return cls(median(one.wakeups for one in found), median(one.share for one in found))

    @classmethod
    def of(cls, seconds: float) -> Cost:
        """Count for so many seconds."""
        before, began = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
        threading.Event().wait(seconds)
        after, took = resource.getrusage(resource.RUSAGE_SELF), time.monotonic() - began
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return cls((after.ru_nvcsw - before.ru_nvcsw) / took, spent / took)


def until(end: float, wait: Callable[[float], object]) -> None:
    """Wait until then, again and again, as a wait may end too early."""
    while (left := end - time.monotonic()) > 0:
        wait(left)

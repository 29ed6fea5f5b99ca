"""Idling: who waits for nothing sleeps, and does not look again and again. Under the real clock.

How often a process wakes is what the system counts: each time that one of its threads goes to sleep of its own
accord. Other threads of the process count too, so it is measured first with nobody waiting.
"""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ClassVar

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
    worker,
)
from skunkqueue.persistence.backend import Backend

LONG = 60.0
SPAN = 0.8
"""Seconds over which wake-ups are counted."""
OFTEN = 10.0
"""Wake-ups a second, beyond those of a process in which nobody waits, that are too many."""
TRIES = 3
"""Spans that must all be too busy: other threads may be, for a while."""


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
        real_backend.register(worker(), LONG)
        made = firing(delay=LONG)
        real_backend.enqueue([made])
        waits: Mapping[str, Callable[[float], object]] = {
            "wait": partial(real_backend.wait, QUEUE, ROUTE, WORKER),
            "claim_next": lambda left: real_backend.claim_next(QUEUE, ROUTE, WORKER, 1, LEASE, timeout=left),
            "wait_settled": partial(real_backend.wait_settled, [made.id]),
            "listen": partial(real_backend.listen, WORKER),
        }
        if too_often(waits, threads) is None:
            return
        # Which of them it is shows when they wait alone.
        alone = {verb: too_often({verb: wait}, threads) for verb, wait in waits.items()}
        busy = [
            f"{verb} wakes {often:.0f} times a second" for verb, often in alone.items() if often is not None
        ]
        assert not busy, (
            f"{', '.join(busy)} with nothing to wait for: it must block in the store, and not poll"
        )


def too_often(waits: Mapping[str, Callable[[float], object]], threads: ThreadPoolExecutor) -> float | None:
    """Let threads wait; tell how often a second they woke where that was too often in every span."""
    found = []
    for _ in range(TRIES):
        quiet = wakeups_while(lambda: threading.Event().wait(SPAN))
        end = time.monotonic() + 2 * SPAN
        waiting = [threads.submit(until, end, wait) for wait in waits.values()]
        # By now all of them sleep.
        threading.Event().wait(SPAN / 2)
        busy = wakeups_while(lambda: threading.Event().wait(SPAN))
        for one in waiting:
            one.result(PATIENCE)
        found.append((busy - quiet) / SPAN)
        if found[-1] <= OFTEN:
            return None
    return min(found)


def until(end: float, wait: Callable[[float], object]) -> None:
    """Wait until then, again and again, as a wait may end too early."""
    while (left := end - time.monotonic()) > 0:
        wait(left)


def wakeups_while(sleep: Callable[[], object]) -> int:
    """Count how often threads of this process went to sleep meanwhile."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
    sleep()
    return resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw - before

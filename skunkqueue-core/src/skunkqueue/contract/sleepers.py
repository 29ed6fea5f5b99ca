"""Threads that sleep in a wait and must be woken, for the tests of waiting. Under the real clock."""

from __future__ import annotations

import re
import select
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import TypeVar

import pytest

from skunkqueue.contract.effort import EFFORT
from skunkqueue.contract.kit import PATIENCE
from skunkqueue.contract.makers import (
    QUEUE,
    ROUTE,
    WORKER,
    claim,
    ids,
)
from skunkqueue.contract.pace import pace
from skunkqueue.errors import BackendError
from skunkqueue.persistence.awaited import AwaitedClaim
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import Claim

LONG = 15.0
"""A timeout that is far longer than any wake-up takes."""
PROMPT = 10.0
"""Seconds in which even a machine under load wakes a sleeper; hundreds of times the usual."""
QUICK = 0.1
"""Seconds within which most wake-ups must come; polling from time to time is slower."""
LATE = 10
"""How many times as long as a firing through the store they may take, on a machine that is too busy for that."""
TRIES = 3
"""How often they are measured again where they come late: the machine may be busy for a moment."""

T = TypeVar("T")


def woken(threads: ThreadPoolExecutor, sleep: Callable[[], T], wake: Callable[[], object]) -> tuple[T, float]:
    """Let a thread fall asleep, then do what must wake it; return what it found, and after how long."""
    started = threading.Event()

    def sleeper() -> tuple[T, float]:
        started.set()
        found = sleep()
        return found, time.monotonic()

    future = threads.submit(sleeper)
    assert started.wait(PATIENCE)
    # The promise holds whether it sleeps by now or not; mostly it does.
    threading.Event().wait(0.03)
    before = time.monotonic()
    wake()
    found, after = future.result(PATIENCE)
    return found, after - before


def until_closed(wait: Callable[[], object]) -> None:
    """Wait for as long as the store is open. On a busy machine a wait may begin after that: it is refused, as any is then."""
    try:
        wait()
    except BackendError as refused:
        with pytest.raises(BackendError, match=re.escape(str(refused))):
            wait()


def come_soon(backend: Backend, measure: Callable[[], float]) -> None:
    """Measure wake-ups; fails where most are late for this machine in every measurement."""
    tries = []
    for _ in range(TRIES):
        took = [measure() for _ in range(EFFORT.rounds)]
        if median(took) < QUICK:
            return
        usual = pace(backend)
        if median(took) < QUICK + LATE * usual:
            return
        tries.append(f"{median(took):.3f} s, where a firing takes {usual:.3f} s through the store")
    msg = f"wake-ups come late, in each of {TRIES} tries: {'; '.join(tries)}"
    raise AssertionError(msg)


def until_claimed(backend: Backend, worker: str = WORKER) -> list[str]:
    """Do what a worker does: wait, then try to claim one firing; a wait may end too early."""
    deadline = time.monotonic() + LONG
    while (left := deadline - time.monotonic()) > 0:
        backend.wait(QUEUE, ROUTE, worker, left)
        if lent := claim(backend, worker=worker):
            return ids(lent)
    return []


def until_lent(backend: Backend, worker: str = WORKER) -> list[Claim]:
    """Ask for a claim until one comes, since ``claim_next`` may return too early."""
    end = time.monotonic() + PATIENCE
    while not (lent := backend.claim_next(QUEUE, ROUTE, worker, 1, LONG, timeout=LONG)):
        assert time.monotonic() < end, "nothing was lent"
    return lent


def begin(backend: Backend, worker: str = WORKER) -> AwaitedClaim:
    """Begin to claim one firing; skips where the store has no descriptor to wait at."""
    begun = backend.begin_claim(QUEUE, ROUTE, worker, 1, LONG)
    if begun is None:
        pytest.skip("this store cannot be waited for by a file descriptor")
    return begun


def until_answered(begun: AwaitedClaim) -> list[Claim]:
    """Do what a worker's main thread does: sleep at the descriptor, and ask when an answer may be there."""
    end = time.monotonic() + PATIENCE
    while not (lent := begun.answer() if may_answer(begun, end - time.monotonic()) else []):
        assert time.monotonic() < end, "nothing was lent"
    return list(lent)


def may_answer(begun: AwaitedClaim, seconds: float) -> bool:
    """Sleep at its descriptor until an answer may be there; False after so many seconds."""
    left = begun.until - time.monotonic()
    if left <= 0:
        return True
    poll = select.poll()
    poll.register(begun.fileno(), select.POLLIN)
    return bool(poll.poll(max(min(left, seconds), 0.0) * 1000)) or left <= seconds

"""Jobs for a worker that runs in the test's own process, on Redis."""

from __future__ import annotations

import time

from skunkqueue import SkunkQueue
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import Firing

queue = SkunkQueue("shop")
STORE: list[Backend] = []
LATE: list[Firing] = []


@queue.job
def quick(number: int) -> int:
    return number


@queue.job
def slow(number: int) -> int:
    time.sleep(0.03)
    return number


@queue.job
def fire_late(number: int) -> int:
    """Enqueue one of what the test has prepared."""
    STORE[0].enqueue([LATE.pop()])
    return number

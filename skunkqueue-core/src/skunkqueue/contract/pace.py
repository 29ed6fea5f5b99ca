"""How fast a store is on this machine at this moment; the leases and pauses of some tests depend on it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from statistics import median

from skunkqueue.contract.effort import EFFORT
from skunkqueue.contract.kit import PATIENCE
from skunkqueue.contract.makers import claimed, outcome
from skunkqueue.persistence.backend import Backend


def pace(backend: Backend) -> float:
    """Measure how many seconds a firing takes through a store, in another thread and on a queue of its own."""

    def pass_through() -> None:
        backend.settle([outcome(claimed(backend, queue="pace"))])

    took = []
    with ThreadPoolExecutor(1) as another:
        for _ in range(EFFORT.rounds):
            before = time.monotonic()
            another.submit(pass_through).result(PATIENCE)
            took.append(time.monotonic() - before)
    return median(took)

"""A small but constant load on a store, by threads, to see what comes of it when its server fails.

Each thread has the store opened for itself, as processes would have.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import final

from skunkqueue.contract.makers import LEASE, QUEUE, ROUTE, counters, counts, firings, ids, outcome
from skunkqueue.persistence.backend import MAX_PAGE, Backend
from skunkqueue.records import State
from tests.redis.patience import persistently
from tests.support.waiting import eventually, pause

PATIENCE = 180.0


@final
class Load:
    """Producers that enqueue batches of ten, and workers that claim and settle, until ``finish``."""

    def __init__(
        self,
        open_store: Callable[[], Backend],
        *,
        producers: int = 1,
        workers: int = 2,
        lease: float = LEASE,
    ) -> None:
        self.accepted: list[str] = []
        """What the store said it had put in."""
        self.run: Counter[str] = Counter()
        """How often each firing was handed to a worker."""
        self._open = open_store
        self._lease = lease
        self._lock = threading.Lock()
        self._enough = threading.Event()
        self._over = threading.Event()
        self._threads = ThreadPoolExecutor(producers + workers, thread_name_prefix="load")
        self._producing: list[Future[None]] = [self._threads.submit(self._produce) for _ in range(producers)]
        self._working = [self._threads.submit(self._work, f"worker-{number}") for number in range(workers)]

    def __enter__(self) -> Load:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._enough.set()
        self._over.set()
        self._threads.shutdown()

    def goes_on(self, more: int = 50) -> None:
        """Wait until so many more are accepted, and so many more were handed out."""
        accepted, run = len(self.accepted), self.run.total()
        eventually(
            lambda: (
                self._failed() or (len(self.accepted) >= accepted + more and self.run.total() >= run + more)
            ),
            PATIENCE,
            what=f"{more} more firings are accepted and claimed",
        )

    def finish(self, *, lossless: bool = True) -> None:
        """Enqueue no more, and see that what was accepted is complete: all of it, each once.

        Without ``lossless``, that what the store still knows is, with nothing left pending or running.
        """
        self._enough.set()
        for producer in self._producing:
            producer.result(PATIENCE)
        store = self._open()
        found: dict[State, int] = {}

        def done() -> bool:
            found.clear()
            found.update(persistently(lambda: counts(store)))
            left = {state for state in found if state is not State.COMPLETE}
            return self._failed() or not (left or (lossless and self.lost(store)))

        try:
            eventually(done, PATIENCE, every=0.1)
        except AssertionError:
            msg = f"{len(self.accepted)} were accepted and {len(self.lost(store))} of them lost; there are {found}"
            raise AssertionError(msg) from None
        self._over.set()
        for worker in self._working:
            worker.result(PATIENCE)
        assert len(set(self.accepted)) == len(self.accepted)
        tallied = counters(store)
        sums = {**tallied, "counted": found[State.COMPLETE], "accepted": len(self.accepted)}
        assert tallied["complete"] == tallied["enqueued"] == found[State.COMPLETE], sums
        assert found[State.COMPLETE] == len(self.accepted) - len(self.lost(store))

    def lost(self, store: Backend) -> list[str]:
        """Tell what was accepted and is not known any more."""
        return [
            id_
            for first in range(0, len(self.accepted), MAX_PAGE)
            for id_, record in zip(
                self.accepted[first : first + MAX_PAGE],
                persistently(lambda: store.get(self.accepted[first : first + MAX_PAGE])),  # noqa: B023 - at once
                strict=True,
            )
            if record is None
        ]

    def _failed(self) -> bool:
        for future in [*self._producing, *self._working]:
            if future.done():
                future.result()
        return False

    def _produce(self) -> None:
        store = self._open()
        while not self._enough.is_set():
            made = firings(10)
            assert persistently(lambda: store.enqueue(made)) == ids(made)  # noqa: B023 - called at once
            with self._lock:
                self.accepted += ids(made)
            pause(0.002)

    def _work(self, worker: str) -> None:
        store = self._open()
        while not self._over.is_set():
            lent = persistently(lambda: store.claim(QUEUE, ROUTE, worker, 5, self._lease))
            with self._lock:
                self.run.update(ids(lent))
            if lent:
                # Stale ones are no mistake: their lease may have ended while nobody answered.
                outcomes = [outcome(one, began=one.claimed) for one in lent]
                persistently(lambda: store.settle(outcomes))  # noqa: B023 - called at once
            else:
                persistently(lambda: store.wait(QUEUE, ROUTE, worker, 0.2))

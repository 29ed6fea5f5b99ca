"""The thread that waits for work where the main thread cannot (``fetcher``), and claims it.

While the store blocks, the main thread stays free to stop, and to go on when an async job has ended.
"""

from __future__ import annotations

import logging
import queue
import threading

from skunkqueue.errors import BackendError
from skunkqueue.processes.store_backoff import StoreBackoff
from skunkqueue.records import Claim
from skunkqueue.worker.fetch.claimer import Claimer
from skunkqueue.worker.judge.verdict import released
from skunkqueue.worker.services import Services

logger = logging.getLogger("skunkqueue.worker")

_END = 0


class FetcherThread(threading.Thread):
    """Waits when asked, claims what is due, and wakes the main thread."""

    def __init__(self, services: Services, claimer: Claimer, *, slice_: float) -> None:
        """``slice_``: seconds for which the store may block a wait at a time."""
        super().__init__(name="skunkqueue-fetcher", daemon=True)
        self._backend = services.backend
        self._claimer = claimer
        self._worker = services.settings.id
        self._in_flight = services.in_flight
        self._wake = services.wakeup.wake
        self._liveness = services.liveness
        self._notifier = services.notifier
        self._slice = slice_
        self._ended = services.ended
        self._asked: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._refuses = False
        self.is_waiting = False
        """True from ``ask`` until it wakes the main thread."""

    def ask(self, limit: int) -> None:
        """Wait once for something to claim, claim at most ``limit``, and wake the main thread. Does nothing where it waits already."""
        if not self.is_waiting:
            self.is_waiting = True
            self._asked.put(limit)

    def refuse(self) -> None:
        """Take nothing in hand any more: what is claimed from now on goes back to the store."""
        with self._lock:
            self._refuses = True

    def accept(self, accepted: bool) -> None:  # noqa: FBT001 - it says what is from now on
        """Take claims in hand again, or no more."""
        with self._lock:
            self._refuses = not accepted

    def end(self) -> None:
        """End the thread, as soon as the store's wait returns."""
        self._asked.put(_END)

    def run(self) -> None:
        """Wait whenever asked, until the worker has ended."""
        while (limit := self._asked.get()) != _END and not self._ended.is_set():
            backoff = StoreBackoff()
            while not self._ended.is_set():
                asked = self._in_flight.lease_clock()
                try:
                    claims = self._claimer.claim_next(limit, self._slice)
                    now = self._in_flight.monotonic()
                except BackendError as error:
                    if not self._ended.is_set():
                        logger.warning("cannot wait for firings: %s", error)
                        self._ended.wait(backoff.next())
                except Exception:
                    logger.exception("a fault in waiting for firings")
                    self._ended.wait(backoff.next())
                else:
                    backoff.reset()
                    self._liveness.answered()
                    if claims:
                        self._take_in(claims, now, self._in_flight.lent_since(asked))
                        break
            self.is_waiting = False
            self._wake()

    def _take_in(self, claims: list[Claim], now: float, leased: float) -> None:
        with self._lock:
            too_late = self._refuses
            if not too_late:
                # Before the main thread can begin them.
                self._notifier.tell_each("skunkqueue_firing_claimed", "claim", claims, worker=self._worker)
                self._in_flight.take(claims, now, leased)
        if too_late:
            try:
                self._backend.settle([released(claim) for claim in claims])
            except BackendError as error:
                logger.warning(
                    "%d firings came too late to be run, and cannot be given back: their leases will end: %s",
                    len(claims),
                    error,
                )

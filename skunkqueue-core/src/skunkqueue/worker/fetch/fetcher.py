"""Waits for work in the main thread, at the file descriptor of a store that has one.

The store then wakes the thread that runs the job: that saves one wake-up a job, and the wait for the interpreter's lock that
comes with it. It waits for ``wakeup`` at the same time. For a store without a descriptor, and while async jobs run, the
``fetcher_thread`` waits.
"""

from __future__ import annotations

import logging

from skunkqueue.clock import monotonic
from skunkqueue.errors import BackendError
from skunkqueue.persistence.awaited import AwaitedClaim
from skunkqueue.processes.store_backoff import StoreBackoff
from skunkqueue.worker.fetch.claimer import Claimer
from skunkqueue.worker.services import Services

logger = logging.getLogger("skunkqueue.worker")


class Fetcher:
    """For one worker's main thread; between its calls nothing waits in the store."""

    def __init__(self, services: Services, claimer: Claimer) -> None:
        self._claimer = claimer
        self._worker = services.settings.id
        self._in_flight = services.in_flight
        self._wakeup = services.wakeup
        self._liveness = services.liveness
        self._notifier = services.notifier
        self._backoff = StoreBackoff()

    def fetch(self, limit: int) -> bool:
        """Wait until at most ``limit`` firings were taken in hand, or somebody wakes it; False: the fetcher thread must wait."""
        if self._wakeup.wait(0):
            # Somebody has called for the main thread already.
            return True
        begun: AwaitedClaim | None = None
        try:
            begun = self._claimer.begin_claim(limit)
            if begun is None:
                return False
            self._wait(begun)
        except BackendError as error:
            logger.warning("cannot wait for firings: %s", error)
            self._wakeup.wait(self._backoff.next())
        except Exception:
            logger.exception("a fault in waiting for firings")
            self._wakeup.wait(self._backoff.next())
        finally:
            if begun is not None:
                begun.cancel()
        return True

    def _wait(self, begun: AwaitedClaim) -> None:
        in_flight = self._in_flight
        while True:
            asked = in_flight.lease_clock()
            left = begun.until - monotonic()
            if left > 0 and self._wakeup.wait(left, *begun.descriptors()):
                return
            claims = begun.answer()
            now = in_flight.monotonic()
            self._backoff.reset()
            if claims:
                # An empty answer does not prove that the store is well: a store that takes no writes gives it too.
                self._liveness.answered()
                in_flight.take(claims, now, in_flight.lent_since(asked))
                self._notifier.tell_each("skunkqueue_firing_claimed", "claim", claims, worker=self._worker)
                return

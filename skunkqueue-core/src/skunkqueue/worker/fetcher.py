"""Waiting for work in the main thread itself, at a store that can be waited for by a file descriptor.

The store then wakes the thread that runs the job, and no other thread has to: that saves one wake-up a job, and the wait
for the interpreter's lock that comes with it. The bell is waited for at the same time. Where a store cannot, or
while async jobs run, the ``doorman`` waits.
"""

from __future__ import annotations

import logging

from skunkqueue.clock import monotonic
from skunkqueue.errors import BackendError
from skunkqueue.persistence.awaited import AwaitedClaim
from skunkqueue.plugins.notify import Notifier
from skunkqueue.worker.bell import Bell
from skunkqueue.worker.claimer import Claimer
from skunkqueue.worker.contact import Backoff, Contact
from skunkqueue.worker.holdings import Holdings
from skunkqueue.worker.settings import WorkerSettings

logger = logging.getLogger("skunkqueue.worker")


class Fetcher:
    """For one worker's main thread; between its calls nothing waits in the store."""

    def __init__(
        self,
        claimer: Claimer,
        settings: WorkerSettings,
        holdings: Holdings,
        bell: Bell,
        *,
        contact: Contact,
        notifier: Notifier,
    ) -> None:
        self._claimer = claimer
        self._settings = settings
        self._holdings = holdings
        self._bell = bell
        self._contact = contact
        self._notifier = notifier
        self._backoff = Backoff()

    def fetch(self, limit: int) -> bool:
        """Wait until at most ``limit`` firings were taken in hand, or the bell rings; False where another must wait."""
        if self._bell.wait(0):
            # Somebody has rung before, and it is not worth the beginning.
            return True
        begun: AwaitedClaim | None = None
        try:
            begun = self._claimer.begin_claim(limit)
            if begun is None:
                return False
            self._wait(begun)
        except BackendError as error:
            logger.warning("cannot wait for firings: %s", error)
            self._bell.wait(self._backoff.next())
        except Exception:
            logger.exception("a fault in waiting for firings")
            self._bell.wait(self._backoff.next())
        finally:
            if begun is not None:
                begun.cancel()
        return True

    def _wait(self, begun: AwaitedClaim) -> None:
        holdings = self._holdings
        while True:
            asked = holdings.lease_clock()
            left = begun.until - monotonic()
            if left > 0 and self._bell.wait(left, begun.fileno()):
                return
            claims = begun.answer()
            now = holdings.monotonic()
            self._backoff.reset()
            if claims:
                # Nothing proves nothing: it may have been no more than a look, where the store takes no writes.
                self._contact.answered()
                holdings.take(claims, now, holdings.lent_since(asked))
                self._notifier.tell_each(
                    "skunkqueue_firing_claimed", "claim", claims, worker=self._settings.id
                )
                return

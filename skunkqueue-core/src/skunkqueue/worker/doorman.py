"""The thread that waits for work on the main thread's behalf.

The main thread itself must be free to hear that it shall stop, or that an async job has ended, while
the store blocks in ``wait``.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable

from skunkqueue.errors import BackendError
from skunkqueue.persistence.backend import Backend
from skunkqueue.worker.contact import Backoff, Contact

logger = logging.getLogger("skunkqueue.worker")

_WAIT, _END = "wait", "end"


class Doorman(threading.Thread):
    """Waits when asked, and rings when something may be claimable."""

    def __init__(
        self,
        backend: Backend,
        place: tuple[str, str, str],
        ring: Callable[[], None],
        *,
        contact: Contact,
        slice_: float,
        ended: threading.Event,
    ) -> None:
        """``place``: queue, route and worker."""
        super().__init__(name="skunkqueue-doorman", daemon=True)
        self._backend = backend
        self._place = place
        self._ring = ring
        self._contact = contact
        self._slice = slice_
        self._ended = ended
        self._asked: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.is_waiting = False
        """True from being asked until it rings."""

    def ask(self) -> None:
        """Wait once for something claimable, and then ring; nothing where it waits already."""
        if not self.is_waiting:
            self.is_waiting = True
            self._asked.put(_WAIT)

    def end(self) -> None:
        """Let the thread end, as soon as the store's wait returns."""
        self._asked.put(_END)

    def run(self) -> None:
        """Wait whenever asked, until the worker has ended."""
        while self._asked.get() is _WAIT and not self._ended.is_set():
            backoff = Backoff()
            while not self._ended.is_set():
                try:
                    found = self._backend.wait(*self._place, self._slice)
                except BackendError as error:
                    if not self._ended.is_set():
                        logger.warning("cannot wait for firings: %s", error)
                        self._ended.wait(backoff.next())
                except Exception:
                    logger.exception("a fault in waiting for firings")
                    self._ended.wait(backoff.next())
                else:
                    backoff.reset()
                    self._contact.answered()
                    if found:
                        break
            self.is_waiting = False
            self._ring()

"""The thread that hears commands from the pool's mailbox in the store."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from skunkqueue.errors import SkunkQueueError
from skunkqueue.pool.shared_store import SharedStore
from skunkqueue.processes.store_backoff import StoreBackoff
from skunkqueue.records import Command

logger = logging.getLogger("skunkqueue.pool")

_SLICE = 30.0
"""Seconds for which the store may block the wait for commands at a time."""


class PoolCommandListener(threading.Thread):
    """Blocks in ``listen`` and passes on what it hears."""

    def __init__(
        self,
        store: SharedStore,
        pool: str,
        hear: Callable[[Command], None],
        *,
        listed: threading.Event,
        ended: threading.Event,
    ) -> None:
        """Wait with the first call until ``listed`` is set: before the pool is on the list, it has no mailbox."""
        super().__init__(name="skunkqueue-pool-command-listener", daemon=True)
        self._store = store
        self._pool = pool
        self._hear = hear
        self._listed = listed
        self._ended = ended

    def run(self) -> None:
        """Listen until the pool has ended."""
        self._listed.wait()
        backoff = StoreBackoff()
        while not self._ended.is_set():
            try:
                commands = self._store.backend().listen(self._pool, _SLICE)
            except SkunkQueueError as error:
                logger.debug("the pool's mailbox cannot be heard: %s", error)
                self._ended.wait(backoff.next())
                continue
            except Exception:
                logger.exception("a fault in hearing the pool's mailbox")
                self._ended.wait(backoff.next())
                continue
            backoff.reset()
            for command in commands:
                self._hear(command)

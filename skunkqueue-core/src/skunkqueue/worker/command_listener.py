"""The thread that hears commands from the worker's mailbox in the store."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from skunkqueue.errors import BackendError
from skunkqueue.processes.store_backoff import StoreBackoff
from skunkqueue.records import Command
from skunkqueue.worker.services import Services

logger = logging.getLogger("skunkqueue.worker")


class CommandListener(threading.Thread):
    """Blocks in ``listen`` and passes on what it hears."""

    def __init__(self, services: Services, obey: Callable[[Command], None], *, slice_: float) -> None:
        """``slice_``: seconds for which the store may block a wait at a time."""
        super().__init__(name="skunkqueue-command-listener", daemon=True)
        self._backend = services.backend
        self._worker = services.settings.id
        self._obey = obey
        self._liveness = services.liveness
        self._slice = slice_
        self._ended = services.ended

    def run(self) -> None:
        """Listen until the worker has ended."""
        backoff = StoreBackoff()
        while not self._ended.is_set():
            try:
                commands = self._backend.listen(self._worker, self._slice)
            except BackendError as error:
                if not self._ended.is_set():
                    logger.debug("the mailbox cannot be heard: %s", error)
                    self._ended.wait(backoff.next())
                continue
            except Exception:
                logger.exception("a fault in hearing the mailbox")
                self._ended.wait(backoff.next())
                continue
            self._liveness.answered()
            backoff.reset()
            for command in commands:
                self._obey(command)

"""The thread that hears commands from the worker's mailbox in the store."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from skunkqueue.errors import BackendError
from skunkqueue.persistence.backend import Backend
from skunkqueue.processes.store_backoff import Backoff
from skunkqueue.records import Command
from skunkqueue.worker.liveness import Liveness

logger = logging.getLogger("skunkqueue.worker")


class CommandListener(threading.Thread):
    """Blocks in ``listen`` and passes on what it hears."""

    def __init__(
        self,
        backend: Backend,
        worker: str,
        obey: Callable[[Command], None],
        *,
        liveness: Liveness,
        slice_: float,
        ended: threading.Event,
    ) -> None:
        super().__init__(name="skunkqueue-command-listener", daemon=True)
        self._backend = backend
        self._worker = worker
        self._obey = obey
        self._liveness = liveness
        self._slice = slice_
        self._ended = ended

    def run(self) -> None:
        """Listen until the worker has ended."""
        backoff = Backoff()
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

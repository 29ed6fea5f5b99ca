"""Undoes, between batches, what jobs may have done to the process: its folder, streams, loggers, signal handlers."""

from __future__ import annotations

import contextlib
import logging
import os

from skunkqueue.context import current
from skunkqueue.processes.log_setup import keep_enabled
from skunkqueue.worker.output_streams import OutputStreams
from skunkqueue.worker.run.interrupt import Interrupter


class Tidying:
    """For one worker's main thread; without ``streams``, as in tests, folder, streams and loggers stay as they are."""

    def __init__(self, interrupter: Interrupter, streams: OutputStreams | None) -> None:
        self._interrupter = interrupter
        self._streams = streams
        self._folder = os.getcwd()  # noqa: PTH109 - as it is compared with
        self._loggers = 0
        """How many loggers existed at the last look."""

    def tidy(self) -> None:
        """Put all of it right."""
        self._interrupter.keep()
        # What hooks log from here on is not the last job's.
        current.set(None)
        if self._streams is None:
            return
        self._streams.keep()
        if len(logging.Logger.manager.loggerDict) != self._loggers:
            self._loggers = len(logging.Logger.manager.loggerDict)
            keep_enabled()
        with contextlib.suppress(OSError):
            if os.getcwd() != self._folder:  # noqa: PTH109 - called often
                os.chdir(self._folder)

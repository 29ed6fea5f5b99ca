"""Calls the functions that the application registered: ``on_worker_start``, ``on_worker_stop``, ``on_failure``.

Also imports the modules that the operator named, so that they can register some. Knows no store.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Sequence

from skunkqueue.application import FailedFiring, Handler, handlers_of, name_of
from skunkqueue.errors import ConfigError, HandlerError, JobNotFoundError
from skunkqueue.imports import Gate
from skunkqueue.processes.exit_codes import Ending
from skunkqueue.processes.scoreboard import Scoreboard
from skunkqueue.worker.judge.failures import failure_of, kind_of, message_of

logger = logging.getLogger("skunkqueue.worker")


class ApplicationHandlers:
    """For one worker; used by its main thread, and ``failed`` also by that of the event loop."""

    def __init__(self, queue: str, gate: Gate) -> None:
        self._handlers = handlers_of(queue)
        self._gate = gate
        self._started: list[Handler] = []

    def load(self, modules: Sequence[str]) -> None:
        """Import modules by name. Raises ConfigError for one that cannot be."""
        for module in modules:
            try:
                self._gate.load(module)
            except JobNotFoundError as error:
                msg = f"--import {module}: {error}"
                raise ConfigError(msg) from error

    def start(self) -> None:
        """Call the functions for the start that have not been called yet. Raises HandlerError where one raises."""
        for handler in self._handlers.start:
            if handler in self._started:
                continue
            try:
                handler()
            except Exception as error:
                msg = f"on_worker_start: {name_of(handler)} raised {kind_of(error)}: {message_of(error)}"
                raise HandlerError(msg) from error
            self._started.append(handler)

    def stop(self, limit: float, give_up: Callable[[], object]) -> None:
        """Call the functions for the end, the last registered first; ``give_up`` after ``limit`` seconds."""
        if not self._handlers.stop:
            return
        timer = threading.Timer(limit, give_up)
        timer.daemon = True
        timer.start()
        for handler in reversed(self._handlers.stop):
            try:
                handler()
            except BaseException as error:  # noqa: BLE001 - the worker ends anyway, and others are to be called
                _complain("on_worker_stop", handler, error)
        timer.cancel()

    @property
    def hears_failures(self) -> bool:
        """Whether any function is registered for failures."""
        return bool(self._handlers.failure)

    def failed(self, failure: FailedFiring) -> None:
        """Call the functions for a firing that has failed for good."""
        for handler in self._handlers.failure:
            try:
                handler(failure)
            except Exception as error:  # noqa: BLE001 - what it raises changes nothing for the firing
                _complain("on_failure", handler, error)


def leave_hanging(scoreboard: Scoreboard, ending: Ending, word: str, limit: float) -> None:
    """End the process, whose ``on_worker_stop`` does not return, as it would have ended. ``limit``: seconds that it had."""
    logger.error("on_worker_stop: it has not returned within %g s, so the worker ends without it", limit)
    scoreboard.leave(ending, word)
    os._exit(ending.exit_code)


def _complain(how: str, handler: Callable[..., object], error: BaseException) -> None:
    # Not by exc_info, since showing the exception may raise.
    logger.error("%s: %s raised\n%s", how, name_of(handler), failure_of(error).traceback)

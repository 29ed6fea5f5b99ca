"""Calls the user's code outside of a job: the import of its module, its rules for retries, ``on_failure``.

In the main thread such a call may be interrupted like a job. On the event loop's thread it cannot: there the pool kills
the worker if it does not return.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from skunkqueue.worker.attempt import NEVER, Attempt
from skunkqueue.worker.in_flight import KILL_AFTER
from skunkqueue.worker.run.executor import caught
from skunkqueue.worker.run.interrupt import Interrupter
from skunkqueue.worker.services import Services

CALL_LIMIT = 5.0
"""Seconds that a job's own rules (a backoff function, say) may take to answer."""


class UserCode:
    """For one worker."""

    def __init__(self, services: Services, interrupter: Interrupter) -> None:
        self._in_flight = services.in_flight
        self._scoreboard = services.scoreboard
        self._interrupter = interrupter
        self._pid = os.getpid()

    def call(
        self, attempt: Attempt, limit: float, function: Callable[..., Any], *arguments: Any
    ) -> tuple[Any, BaseException | None, str | None]:
        """Call it; return what it returned, what it raised, and why it was interrupted.

        ``limit``: seconds; NEVER for the import of a module, which takes the time that it takes.
        """
        if attempt.row:
            return *self._call_on_loop(attempt, function, *arguments), None
        in_flight = self._in_flight
        attempt.since = in_flight.monotonic()
        attempt.deadline = attempt.since + limit
        self._begin(attempt, 0.0 if limit == NEVER else attempt.deadline + KILL_AFTER)
        in_flight.running = attempt
        value, error = caught(function, *arguments)
        in_flight.running = None
        self.end_copy()
        if limit != NEVER:
            self._begin(attempt, 0.0)
        return value, error, self.interrupted(attempt)

    def interrupted(self, attempt: Attempt) -> str | None:
        """Return why the main thread was interrupted in this attempt, if it was; that is then forgotten."""
        interrupter = self._interrupter
        delivered, interrupter.delivered = interrupter.delivered, None
        return delivered[1] if delivered is not None and delivered[0] is attempt else None

    def forget_interrupts(self, attempt: Attempt) -> None:
        """Drop what was to interrupt the job itself, and comes too late."""
        if not attempt.row:
            self._interrupter.forget()

    def end_copy(self) -> None:
        """End this process if it is a copy that a job has made: it must not go on as a second worker."""
        if os.getpid() != self._pid:
            os._exit(1)

    def _call_on_loop(
        self, attempt: Attempt, function: Callable[..., Any], *arguments: Any
    ) -> tuple[Any, BaseException | None]:
        attempt.since = self._in_flight.monotonic()
        # The time limit of the job itself is over with the job.
        attempt.deadline = NEVER
        self._begin(attempt, attempt.since + CALL_LIMIT + KILL_AFTER)
        called = caught(function, *arguments)
        self.end_copy()
        return called

    def _begin(self, attempt: Attempt, deadline: float) -> None:
        claim = attempt.claim
        self._scoreboard.begin(attempt.row, claim.id, claim.token, deadline, claim.deaths > 0)

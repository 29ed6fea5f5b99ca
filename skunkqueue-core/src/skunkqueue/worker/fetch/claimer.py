"""Claims firings for one worker. Knows the worker's queue, route, id and lease, so that callers pass none of them.

It keeps nothing between calls: what it claims belongs to the caller.
"""

from __future__ import annotations

from collections.abc import Callable

from skunkqueue.persistence.awaited import AwaitedClaim
from skunkqueue.persistence.backend import Backend
from skunkqueue.processes.settings import WorkerSettings
from skunkqueue.records import Claim


class Claimer:
    """The verbs of ``Backend`` that claim and wait, for one worker; each raises what the verb raises."""

    def __init__(self, backend: Backend, settings: WorkerSettings) -> None:
        self._backend = backend
        self._queue = settings.queue
        self._route = settings.route
        self._worker = settings.id
        self._lease = settings.lease

    def claim(self, limit: int) -> list[Claim]:
        """Claim at most ``limit`` firings that are due."""
        return self._backend.claim(self._queue, self._route, self._worker, limit, self._lease)

    def claim_next(self, limit: int, timeout: float) -> list[Claim]:
        """Claim, but block for up to ``timeout`` seconds while nothing is due."""
        return self._backend.claim_next(
            self._queue, self._route, self._worker, limit, self._lease, timeout=timeout
        )

    def begin_claim(self, limit: int) -> AwaitedClaim | None:
        """Begin a claim that waits at a file descriptor; ``None``: this store has none."""
        return self._backend.begin_claim(self._queue, self._route, self._worker, limit, self._lease)

    def claim_ahead(self, limit: int) -> Callable[[], list[Claim]] | None:
        """Ask for claims that will be wanted soon; ``None``: this store cannot."""
        return self._backend.claim_ahead(self._queue, self._route, self._worker, limit, self._lease)

    def wait(self, timeout: float) -> bool:
        """Block until something may be claimable or the timeout is over; return which."""
        return self._backend.wait(self._queue, self._route, self._worker, timeout)

"""Claims firings for a worker that listens on several routes: from one of them at a time, in turns.

A claim goes on to the next route where one has nothing. A route without work costs a look now and then, and no turn.
"""

from __future__ import annotations

from collections.abc import Callable

from skunkqueue.persistence.awaited import AwaitedClaim
from skunkqueue.persistence.backend import Backend
from skunkqueue.processes.settings import WEIGHTED, WorkerSettings
from skunkqueue.records import Claim
from skunkqueue.worker.fetch.claimer import Claimer
from skunkqueue.worker.fetch.route_order import RouteOrder

EMPTY_FOR = 0.05
"""Seconds for which a route that had nothing is not looked at again, as long as others have something."""


class ClaimerOfSeveral(Claimer):
    """The same verbs over all routes of the worker."""

    def __init__(self, backend: Backend, settings: WorkerSettings, monotonic: Callable[[], float]) -> None:
        super().__init__(backend, settings)
        self._routes = settings.routes
        self._monotonic = monotonic
        self._order = RouteOrder(settings.routes, weighted=settings.order == WEIGHTED)
        self._empty_until: dict[str, float] = {}

    def claim(self, limit: int) -> list[Claim]:
        """Claim from the route whose turn it is, of those that have something; empty: none has."""
        routes = self._order.next_first()
        now = self._monotonic()
        # Nothing may be left out before a wait, or at the end of a burst. Those that had nothing just now come last.
        for route in sorted(routes, key=lambda route: self._is_empty(route, now)):
            claims = self._claim_from(route, limit)
            if claims:
                return claims
        return []

    def claim_next(self, limit: int, timeout: float) -> list[Claim]:
        """Claim, but block for up to ``timeout`` seconds while nothing is due on any route."""
        claims = self.claim(limit)
        if claims:
            return claims
        route = self._backend.wait_any(self._queue, self._routes, self._worker, timeout)
        return [] if route is None else self._claim_from(route, limit)

    def begin_claim(self, limit: int) -> AwaitedClaim | None:
        """Begin a claim that waits for all routes at file descriptors; ``None``: this store has none."""
        return self._backend.begin_claim_any(self._queue, self._routes, self._worker, limit, self._lease)

    def claim_ahead(self, limit: int) -> Callable[[], list[Claim]] | None:
        """Ask for claims of the route whose turn it is next; ``None``: this store cannot, or no route is likely to have any."""
        now = self._monotonic()
        for route in self._order.next_first():
            if not self._is_empty(route, now):
                break
        else:
            return None
        answer = self._backend.claim_ahead(self._queue, route, self._worker, limit, self._lease)
        if answer is None:
            return None

        def noted() -> list[Claim]:
            claims = answer()
            self._note(route, claims)
            return claims

        return noted

    def wait(self, timeout: float) -> bool:
        """Block until something may be claimable on any route or the timeout is over; return which."""
        return self._backend.wait_any(self._queue, self._routes, self._worker, timeout) is not None

    def _claim_from(self, route: str, limit: int) -> list[Claim]:
        claims = self._backend.claim(self._queue, route, self._worker, limit, self._lease)
        self._note(route, claims)
        return claims

    def _note(self, route: str, claims: list[Claim]) -> None:
        if claims:
            self._empty_until.pop(route, None)
            self._order.took_turn(route)
        else:
            self._empty_until[route] = self._monotonic() + EMPTY_FOR

    def _is_empty(self, route: str, now: float) -> bool:
        return self._empty_until.get(route, now) > now

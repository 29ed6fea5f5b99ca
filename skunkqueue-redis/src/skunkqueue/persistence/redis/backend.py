"""The verbs of the hot path over Redis: each is one script, by the module that is named as its area."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from skunkqueue.persistence import rules
from skunkqueue.persistence.awaited import AwaitedClaim
from skunkqueue.persistence.encoding import refuses_what_is_not_utf8
from skunkqueue.persistence.redis import awaited, awaited_any, enqueue, leases, reading, settle, wakeups
from skunkqueue.persistence.redis.administration import Administration
from skunkqueue.persistence.redis.awaited import SocketClaim
from skunkqueue.persistence.redis.claim import Claims
from skunkqueue.persistence.redis.link import Link
from skunkqueue.records import Claim, ClaimRef, Firing, Outcome, Record


@refuses_what_is_not_utf8
class RedisBackend(Administration):
    """A store in a Redis or Valkey server, for any number of processes on any number of machines.

    What it accepted is as durable as the server is set to be (``appendonly``, ``appendfsync``), and, with the option
    ``replicas``, is on that many replicas too.
    """

    def __init__(self, link: Link, version: str) -> None:
        super().__init__(link, version)
        self._known_claims = Claims(link)

    def enqueue(self, firings: Sequence[Firing]) -> list[str]:
        """Put firings in; see ``Backend.enqueue``."""
        return enqueue.enqueue(self._link, firings)

    def claim(self, queue: str, route: str, worker: str, limit: int, lease: float) -> list[Claim]:
        """Lend firings; see ``Backend.claim``."""
        return self._claims.claim((queue, route, worker), limit, lease)

    def claim_ahead(
        self, queue: str, route: str, worker: str, limit: int, lease: float
    ) -> Callable[[], list[Claim]]:
        """Send a claim and read its reply later; see ``Backend.claim_ahead``."""
        return self._claims.claim_ahead((queue, route, worker), limit, lease)

    def claim_next(
        self, queue: str, route: str, worker: str, limit: int, lease: float, *, timeout: float
    ) -> list[Claim]:
        """Lend firings as soon as there are any; see ``Backend.claim_next``."""
        if self._link.is_virtual:
            return super().claim_next(queue, route, worker, limit, lease, timeout=timeout)
        return self._claims.claim_next((queue, route, worker), limit, lease, timeout=timeout)

    def begin_claim(
        self, queue: str, route: str, worker: str, limit: int, lease: float
    ) -> AwaitedClaim | None:
        """Send a claim along with a wait, for a caller that waits at the socket; see ``Backend.begin_claim``."""
        if not awaited.is_possible(self._link):
            return None
        return SocketClaim(awaited.waits(self._claims, (queue, route, worker), limit, lease))

    def begin_claim_any(
        self, queue: str, routes: Sequence[str], worker: str, limit: int, lease: float
    ) -> AwaitedClaim | None:
        """Wait for wake-ups of all routes at one socket; see ``Backend.begin_claim_any``."""
        if not awaited.is_possible(self._link):
            return None
        places = [(queue, route, worker) for route in routes]
        return SocketClaim(awaited_any.waits(self._claims, places, limit, lease))

    def settle(self, outcomes: Sequence[Outcome]) -> list[str]:
        """Hand in outcomes; see ``Backend.settle``."""
        return settle.settle(self._link, outcomes)

    def extend(self, claims: Sequence[ClaimRef], lease: float) -> list[str]:
        """Make leases last longer; see ``Backend.extend``."""
        return leases.extend(self._link, claims, lease)

    def wait(self, queue: str, route: str, worker: str, timeout: float) -> bool:
        """Block until something may be claimable; see ``Backend.wait``."""
        return self.wait_any(queue, (route,), worker, timeout) is not None

    def wait_any(self, queue: str, routes: Sequence[str], worker: str, timeout: float) -> str | None:
        """Block until something may be claimable on one of several routes; see ``Backend.wait_any``."""
        claims = self._claims
        places = [(queue, route, worker) for route in routes]
        last = [claims.empty.pop(place, None) for place in places]
        found = wakeups.wait_any(claims.link, places, timeout, last)
        return None if found is None else found[1]

    def get(self, ids: Sequence[str]) -> list[Record | None]:
        """Read firings by id; see ``Backend.get``."""
        return rules.in_pages(lambda some: reading.get(self._link, some), ids)

    def wait_settled(self, ids: Sequence[str], timeout: float) -> list[str]:
        """Block until one of the firings is finished or unknown; see ``Backend.wait_settled``."""
        return wakeups.wait_settled(self._link, ids, timeout)

    def close(self) -> None:
        """Let go of the connections, let blocked waits return, and take back what they were just lent."""
        is_ours = self._opened.pid == os.getpid()
        super().close()
        if is_ours:
            self._claims.close()

    @property
    def _claims(self) -> Claims:
        link, claims = self._link, self._known_claims
        if claims.link is not link:
            # Born by a fork: what the parent was lent is the parent's.
            self._known_claims = claims = Claims(link)
        return claims

"""A claim that waits on several routes at once, and lends from the one on which something comes first.

The wait is one request for the bells of all routes, and lends nothing: what the server lent on one route while another was
answered would have to be taken back, and its connection be broken. The claim follows once a bell has rung.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Generator, Sequence
from contextlib import suppress

from redis.exceptions import RedisError
from skunkqueue.clock import monotonic
from skunkqueue.errors import BackendError
from skunkqueue.persistence.awaited import AwaitedClaim
from skunkqueue.persistence.redis.claiming import AT_ONCE, Claiming, Request, SocketClaim, Waits
from skunkqueue.persistence.redis.link import GRACE, Link, reply_of
from skunkqueue.persistence.redis.scripts import load
from skunkqueue.persistence.redis.waiting import LONGEST
from skunkqueue.records import Claim

_RING = load("ring")


class ClaimingAny(Claiming, ABC):
    """The verb that claims from any of several routes."""

    def begin_claim_any(
        self, queue: str, routes: Sequence[str], worker: str, limit: int, lease: float
    ) -> AwaitedClaim | None:
        """Wait for the bells of all routes at one socket; see ``Backend.begin_claim_any``."""
        link = self._link
        if link.is_virtual or link.settings.tls:
            return None
        return SocketClaim(self._waits_for_any(link, queue, list(routes), worker, (limit, lease)))

    def _waits_for_any(
        self, link: Link, queue: str, routes: Sequence[str], worker: str, terms: tuple[int, float]
    ) -> Waits:
        """Give where to wait, and until when, and go on after that; return what was lent in the end."""
        bells = {bell: route for route in routes for bell in self._bells(link, queue, route, worker)}
        while True:
            pauses = {route: self._pause_on((queue, route, worker)) for route in routes}
            asked = [route for route, pause in pauses.items() if pause <= 0]
            if asked:
                yield -1, AT_ONCE
            else:
                pause = min(pauses.values())
                rung = yield from self._wait_for(link, list(bells), pause)
                asked = [bells[rung]] if rung in bells else [r for r in routes if pauses[r] <= pause]
            for route in asked:
                claims = self._claim_or_close(link, (queue, route, worker), terms)
                if claims:
                    return claims

    def _pause_on(self, place: tuple[str, str, str]) -> float:
        """Return for how long nothing comes on a route by itself; 0 where it has to be asked."""
        known = self._moments.get(place)
        if known is None:
            return 0.0
        asked, due, ends = known
        passed = monotonic() - asked
        return min([LONGEST - passed, *(when - passed for when in (due, ends) if when is not None)])

    def _wait_for(
        self, link: Link, bells: Sequence[str], pause: float
    ) -> Generator[tuple[int, float], None, str | None]:
        """Wait until one of the bells rings; return which one."""
        popping = link.popping(bells, pause)
        try:
            yield next(popping), monotonic() + pause + GRACE
            popped = reply_of(popping)
        except RedisError as error:
            raise link.translated(error) from error
        except GeneratorExit:
            popping.close()
            # One may have rung in this moment, and others that wait for it have not heard it. Each second one is this worker's.
            with suppress(BackendError, RedisError):
                link.try_once(_RING, [bell.encode() for bell in bells[1::2]])
            raise
        return None if popped is None else popped[0].decode()

    def _claim_or_close(
        self, link: Link, place: tuple[str, str, str], terms: tuple[int, float]
    ) -> list[Claim]:
        """Claim from one route; what comes while the store is closed is taken back."""
        request = Request(link, place, *terms)
        # Until the next one: `close` takes back what is left of it.
        self._latest[place] = request
        self._moments.pop(place, None)
        claims = self._claim_now(link, request)
        if claims and link.closed.is_set():
            self._take_back(link, request)
            return []
        return claims

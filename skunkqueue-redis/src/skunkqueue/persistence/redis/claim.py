"""Lending firings out: at once, or as soon as there are any."""

from __future__ import annotations

from collections.abc import Callable

from redis.exceptions import RedisError
from skunkqueue.clock import monotonic
from skunkqueue.errors import BackendError
from skunkqueue.persistence.redis import wakeups
from skunkqueue.persistence.redis.claimed import NOT_PLAIN, Place, Request, claims_of
from skunkqueue.persistence.redis.leases import Unanswered
from skunkqueue.persistence.redis.link import Link
from skunkqueue.persistence.redis.scripts import load
from skunkqueue.persistence.redis.wakeups import EmptyClaim
from skunkqueue.records import Claim

_CLAIM, _CLAIM_ANY = map(load, ("claim", "claim_any"))


class Claims:
    """The claims of one process over one link, and what the last empty ones said."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.empty: dict[Place, EmptyClaim] = {}
        """By place, what the last empty claim said of when to look again. The next wait takes it out."""
        self.unanswered = Unanswered(link)

    def claim(self, place: Place, limit: int, lease: float) -> list[Claim]:
        """Lend firings now; see ``Backend.claim``. What a wait that broke off was lent goes back first."""
        self.unanswered.settle()
        return self.claim_now(Request(self.link, place, limit, lease))

    def claim_ahead(self, place: Place, limit: int, lease: float) -> Callable[[], list[Claim]]:
        """Send a claim; return what reads its reply. See ``Backend.claim_ahead``."""
        request = Request(self.link, place, limit, lease)
        otherwise = (_CLAIM_ANY, request.nonce, request.arguments)
        read = self.link.send(_CLAIM, request.values, otherwise=otherwise)
        # The reply says in how many seconds to look again; when it is read, that is too old to be used.
        return lambda: self.claims_in(read(), request, remember=False)

    def claim_next(self, place: Place, limit: int, lease: float, *, timeout: float) -> list[Claim]:
        """Lend firings as soon as there are any; see ``Backend.claim_next``.

        The claim is sent along with the wait: the server does both, and no round trip lies between.
        """
        link = self.link
        self.unanswered.settle()
        end = monotonic() + timeout
        while not link.closed.is_set():
            request = Request(link, place, limit, lease)
            self.unanswered.note(request)
            if place not in self.empty:
                claims = self.claim_now(request)
            else:
                claims = self._claim_when_woken(request, end)
            if claims and link.closed.is_set():
                # `close` may have come before the server lent them.
                self.unanswered.take_back(request)
                return []
            if claims or monotonic() >= end:
                return claims
        return []

    def claim_now(self, request: Request) -> list[Claim]:
        """Ask the server now."""
        # Where the reply is lost, the same nonce finds what was lent with it.
        otherwise = (_CLAIM_ANY, request.nonce, request.arguments)
        reply = self.link.plain(_CLAIM, request.values, otherwise=otherwise)
        return self.claims_in(reply, request)

    def claims_in(self, reply: bytes, request: Request, *, remember: bool = True) -> list[Claim]:
        """Decode a reply; ask ``claim_any.lua`` where ``claim.lua`` could not do it."""
        kind, claims, due, ends = claims_of(reply)
        if kind == NOT_PLAIN:
            # By the nonce of the request, with which what this lends is taken back.
            reply = self.link.call(_CLAIM_ANY, *request.arguments, nonce=request.nonce)
            kind, claims, due, ends = claims_of(reply)
        if not claims and remember:
            self.empty[request.place] = EmptyClaim(monotonic(), due, ends)
        return claims

    def pause(self, request: Request) -> float:
        """Return for how many seconds to sleep at most; 0 where the server must be asked first."""
        last = self.empty.pop(request.place, None)
        if last is None:
            return 0.0
        passed = monotonic() - last.at
        return min([wakeups.LONGEST, *(when - passed for when in (last.due, last.ends) if when is not None)])

    def left(self, place: Place) -> float:
        """Return for how many seconds nothing comes on a route by itself; 0 where the server must be asked."""
        last = self.empty.get(place)
        if last is None:
            return 0.0
        passed = monotonic() - last.at
        return min(
            [wakeups.LONGEST - passed, *(when - passed for when in (last.due, last.ends) if when is not None)]
        )

    def broken(self, request: Request, error: RedisError) -> BackendError:
        """Take back what a claim may have been lent whose connection broke; return what to raise."""
        self.unanswered.add(request)
        self.unanswered.settle()
        return self.link.translated(error)

    def _claim_when_woken(self, request: Request, end: float) -> list[Claim]:
        """Sleep until a wake-up comes, or the time that the last empty claim said; then claim."""
        link = self.link
        pause = min(end - monotonic(), self.pause(request))
        if pause <= 0:
            return []
        try:
            keys = wakeups.keys_of(link, *request.place)
            reply = link.block_and_run(keys, pause, _CLAIM, request.values)
        except RedisError as error:
            if link.closed.is_set():
                return []
            raise self.broken(request, error) from error
        return [] if reply is None else self.claims_in(reply, request)

    def close(self) -> None:
        """Take back what was just lent; the link is closed."""
        self.unanswered.close()

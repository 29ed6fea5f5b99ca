"""Lending firings out: at once, or as soon as there are any."""

from __future__ import annotations

import os
from abc import ABC
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress

from redis.exceptions import RedisError
from skunkqueue.clock import monotonic
from skunkqueue.errors import BackendError
from skunkqueue.persistence.awaited import AwaitedClaim
from skunkqueue.persistence.redis import wire
from skunkqueue.persistence.redis.keys import place_of
from skunkqueue.persistence.redis.link import GRACE, Link, reply_of
from skunkqueue.persistence.redis.scripts import load
from skunkqueue.persistence.redis.waiting import LONGEST, Waiting
from skunkqueue.records import Claim, ClaimRef

_CLAIM, _CLAIM_ANY, _EXTEND = map(load, ("claim", "claim_any", "extend"))
AT_ONCE = float("-inf")
Waits = Generator["tuple[int, float]", None, "list[Claim]"]


class Claiming(Waiting, ABC):
    """The verbs about leases."""

    def claim(self, queue: str, route: str, worker: str, limit: int, lease: float) -> list[Claim]:
        """Lend firings; see ``Backend.claim``."""
        link = self._link
        return self._claim_now(link, Request(link, (queue, route, worker), limit, lease))

    def _claim_now(self, link: Link, request: Request) -> list[Claim]:
        # Where the reply is lost, the same nonce finds what was lent with it.
        reply = link.plain(_CLAIM, request.values, otherwise=(_CLAIM_ANY, request.nonce, request.arguments))
        return self._claims_in(reply, link, request)

    def claim_ahead(
        self, queue: str, route: str, worker: str, limit: int, lease: float
    ) -> Callable[[], list[Claim]]:
        """Send a claim and read its answer later; see ``Backend.claim_ahead``."""
        link = self._link
        request = Request(link, (queue, route, worker), limit, lease)
        otherwise = (_CLAIM_ANY, request.nonce, request.arguments)
        read = link.send(_CLAIM, request.values, otherwise=otherwise)
        # When to look again, as of then, would be told too late.
        return lambda: self._claims_in(read(), link, request, remember=False)

    def claim_next(
        self, queue: str, route: str, worker: str, limit: int, lease: float, *, timeout: float
    ) -> list[Claim]:
        """Lend firings as soon as there are any; see ``Backend.claim_next``.

        The claim is sent along with the wait, so that the server does both without asking us in between.
        """
        link = self._link
        if link.is_virtual:
            return super().claim_next(queue, route, worker, limit, lease, timeout=timeout)
        self._settle_doubts(link)
        place = (queue, route, worker)
        end = monotonic() + timeout
        while not link.closed.is_set():
            request = Request(link, place, limit, lease)
            # Until the next one: `close` takes back what is left of it.
            self._latest[place] = request
            if place not in self._moments:
                claims = self._claim_now(link, request)
            else:
                claims = self._claim_when_rung(link, request, end)
            if claims and link.closed.is_set():
                # `close` may have come too early to see them.
                self._take_back(link, request)
                return []
            if claims or monotonic() >= end:
                return claims
        return []

    def _claim_when_rung(self, link: Link, request: Request, end: float) -> list[Claim]:
        """Sleep until somebody rings or a moment comes that the last empty claim told of, and claim."""
        pause = min(end - monotonic(), self._pause(request))
        if pause <= 0:
            return []
        try:
            reply = link.block_and_run(self._bells(link, *request.place), pause, _CLAIM, request.values)
        except RedisError as error:
            if link.closed.is_set():
                return []
            raise self._broken(link, request, error) from error
        return [] if reply is None else self._claims_in(reply, link, request)

    def _pause(self, request: Request) -> float:
        """Return for how long to sleep at most; 0 where it has to be asked first whether there is anything."""
        known = self._moments.pop(request.place, None)
        if known is None:
            return 0.0
        asked, due, ends = known
        passed = monotonic() - asked
        return min([LONGEST, *(when - passed for when in (due, ends) if when is not None)])

    def _broken(self, link: Link, request: Request, error: RedisError) -> BackendError:
        """Take back what a wait may have been lent whose connection broke; return what to raise."""
        self._doubts[request.nonce] = request
        self._settle_doubts(link)
        return link.translated(error)

    def begin_claim(
        self, queue: str, route: str, worker: str, limit: int, lease: float
    ) -> AwaitedClaim | None:
        """Send a claim along with a wait, for a caller that waits at the socket; see ``Backend.begin_claim``."""
        link = self._link
        # TLS may have something to read that is no reply, and reading it would block.
        if link.is_virtual or link.settings.tls:
            return None
        return SocketClaim(self._waits(link, (queue, route, worker), limit, lease))

    def _waits(self, link: Link, place: tuple[str, str, str], limit: int, lease: float) -> Waits:
        """Give where to wait, and until when, and go on after that; return what was lent in the end."""
        while True:
            self._settle_doubts(link)
            request = Request(link, place, limit, lease)
            # Until the next one: `close` takes back what is left of it.
            self._latest[place] = request
            pause = self._pause(request)
            if pause <= 0:
                yield -1, AT_ONCE
                claims = self._claim_now(link, request)
            else:
                exchange = link.exchange(self._bells(link, *place), pause, _CLAIM, request.values)
                try:
                    yield next(exchange), monotonic() + pause + GRACE
                    reply = reply_of(exchange)
                except RedisError as error:
                    raise self._broken(link, request, error) from error
                except GeneratorExit:
                    exchange.close()
                    self._doubts[request.nonce] = request
                    raise
                claims = [] if reply is None else self._claims_in(reply, link, request)
            if claims and link.closed.is_set():
                # `close` may have come too early to see them.
                self._take_back(link, request)
                claims = []
            if claims:
                return claims

    def extend(self, claims: Sequence[ClaimRef], lease: float) -> list[str]:
        """Make leases last longer; see ``Backend.extend``."""
        if not claims:
            return []
        tokens: dict[int, list[str]] = {}
        begun: dict[int, list[str]] = {}
        for claim in claims:
            tokens.setdefault(claim.token, []).append(claim.id)
            if claim.begun:
                begun.setdefault(claim.token, []).append(claim.id)
        known = [(wire.token(token), ids, begun.get(token, [])) for token, ids in tokens.items()]
        return wire.as_ids(self._link.call(_EXTEND, known, float(lease)))

    def close(self) -> None:
        """Let go of the connections, let blocked waits return, and take back what they were just lent."""
        link = self._opened
        super().close()
        if link.pid != os.getpid():
            return
        for request in [*self._doubts.values(), *self._latest.values()]:
            self._take_back(link, request)
        self._doubts.clear()
        self._latest.clear()

    def _take_back(self, link: Link, request: Request) -> None:
        with suppress(RedisError):
            link.last_word(_CLAIM_ANY, request.nonce, request.taking_back)

    def _claims_in(self, reply: bytes, link: Link, request: Request, *, remember: bool = True) -> list[Claim]:
        kind, claims, due, ends = wire.claims_of(reply)
        if kind == wire.NOT_PLAIN:
            kind, claims, due, ends = wire.claims_of(link.call(_CLAIM_ANY, *request.arguments))
        if not claims and remember:
            self._moments[request.place] = (monotonic(), due, ends)
        return claims

    def _settle_doubts(self, link: Link) -> None:
        """Take back what was lent by a wait whose connection broke before it could say so."""
        for nonce, request in tuple(self._doubts.items()):
            with suppress(BackendError):
                link.plain(_CLAIM_ANY, [link.encoded(nonce, request.taking_back)])
                self._doubts.pop(nonce, None)


class SocketClaim(AwaitedClaim):
    """A wait and a claim that the server does together, as in ``claim_next``."""

    def __init__(self, waits: Waits) -> None:
        self._waits = waits
        self._fd, self.until = next(waits)

    def fileno(self) -> int:
        """Return the socket."""
        return self._fd

    def answer(self) -> list[Claim]:
        """Read what the server has said, and ask it again where that was nothing."""
        try:
            self._fd, self.until = next(self._waits)
        except StopIteration as end:
            claims: list[Claim] | None = end.value
            return claims or []
        return []

    def cancel(self) -> None:
        """Break the connection, and have taken back what was lent in that moment."""
        self._waits.close()


class Request:
    """A claim, as each of the two scripts wants it."""

    __slots__ = ("_lease", "_limit", "_link", "nonce", "place")

    def __init__(self, link: Link, place: tuple[str, str, str], limit: int, lease: float) -> None:
        self._link = link
        self._limit = limit
        self._lease = lease
        self.place = place
        """Queue, route and worker."""
        self.nonce = link.nonce()

    @property
    def values(self) -> tuple[bytes, ...]:
        """For ``claim.lua``."""
        link, (queue, route, worker) = self._link, self.place
        return (
            place_of(queue, route).encode(),
            worker.encode(),
            b"%d" % self._limit,
            b"%f" % self._lease,
            self.nonce.encode(),
            repr(link.clock.now()).encode() if link.is_virtual else b"",
        )

    @property
    def arguments(self) -> tuple[str, str, int, float]:
        """For ``claim_any.lua``."""
        queue, route, worker = self.place
        return (place_of(queue, route), worker, self._limit, float(self._lease))

    @property
    def taking_back(self) -> tuple[str, str, int, float]:
        """The same, only to take back what was lent."""
        place, worker, _, lease = self.arguments
        return (place, worker, 0, lease)

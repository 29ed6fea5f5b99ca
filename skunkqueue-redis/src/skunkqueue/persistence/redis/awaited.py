"""A claim that waits at the socket of a connection, on which the server answers."""

from __future__ import annotations

from collections.abc import Generator

from redis.exceptions import RedisError
from skunkqueue.clock import monotonic
from skunkqueue.persistence.awaited import AwaitedClaim
from skunkqueue.persistence.redis import wakeups
from skunkqueue.persistence.redis.claim import Claims
from skunkqueue.persistence.redis.claimed import Place, Request
from skunkqueue.persistence.redis.link import GRACE, Link, reply_of
from skunkqueue.persistence.redis.scripts import load
from skunkqueue.records import Claim

_CLAIM = load("claim")
AT_ONCE = float("-inf")
Waits = Generator["tuple[int, float]", None, "list[Claim]"]
"""Gives the descriptor to wait at and until when, again and again; returns what was lent."""


class SocketClaim(AwaitedClaim):
    """A wait and a claim that the server does together, as in ``Claims.claim_next``."""

    def __init__(self, waits: Waits) -> None:
        self._waits = waits
        self._fd, self.until = next(waits)

    def fileno(self) -> int:
        """Return the socket's descriptor."""
        return self._fd

    def answer(self) -> list[Claim]:
        """Read the reply. Where it has no claims, send the next wait."""
        try:
            self._fd, self.until = next(self._waits)
        except StopIteration as end:
            claims: list[Claim] | None = end.value
            return claims or []
        return []

    def cancel(self) -> None:
        """Break the connection, and take back what was lent in that moment."""
        self._waits.close()


def is_possible(link: Link) -> bool:
    """Return whether a caller may wait at the socket.

    With TLS it may be readable though no reply came, and reading would block.
    """
    return not link.is_virtual and not link.settings.tls


def waits(claims: Claims, place: Place, limit: int, lease: float) -> Waits:
    """Send a wait with a claim, again and again."""
    link = claims.link
    while True:
        claims.unanswered.settle()
        request = Request(link, place, limit, lease)
        claims.unanswered.note(request)
        pause = claims.pause(request)
        if pause <= 0:
            yield -1, AT_ONCE
            found = claims.claim_now(request)
        else:
            exchange = link.exchange(wakeups.keys_of(link, *place), pause, _CLAIM, request.values)
            try:
                yield next(exchange), monotonic() + pause + GRACE
                reply = reply_of(exchange)
            except RedisError as error:
                raise claims.broken(request, error) from error
            except GeneratorExit:
                exchange.close()
                claims.unanswered.add(request)
                # The caller may claim nothing more for a long time.
                claims.unanswered.settle_soon()
                raise
            found = [] if reply is None else claims.claims_in(reply, request)
        if found and link.closed.is_set():
            # `close` may have come before the server lent them.
            claims.unanswered.take_back(request)
            found = []
        if found:
            return found

"""Leases: making them longer, and taking back those whose claim never got its reply."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from redis.exceptions import RedisError
from skunkqueue.errors import BackendError
from skunkqueue.persistence.redis import wire
from skunkqueue.persistence.redis.claimed import Place, Request
from skunkqueue.persistence.redis.link import Link
from skunkqueue.persistence.redis.scripts import load
from skunkqueue.records import ClaimRef

_EXTEND, _CLAIM_ANY = map(load, ("extend", "claim_any"))


def extend(link: Link, claims: Sequence[ClaimRef], lease: float) -> list[str]:
    """Let leases end so many seconds from now; return the ids of the claims that are lost."""
    if not claims:
        return []
    tokens: dict[int, list[str]] = {}
    begun: dict[int, list[str]] = {}
    for claim in claims:
        tokens.setdefault(claim.token, []).append(claim.id)
        if claim.begun:
            begun.setdefault(claim.token, []).append(claim.id)
    known = [(wire.token(token), ids, begun.get(token, [])) for token, ids in tokens.items()]
    return wire.as_ids(link.call(_EXTEND, known, float(lease)))


class Unanswered:
    """Claims whose replies are lost, or may be: what they were lent goes back into line."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._lost: dict[str, Request] = {}
        """By nonce, claims whose connection broke before their reply came."""
        self._latest: dict[Place, Request] = {}
        """By place, the claim that waits now, or waited last."""

    def note(self, request: Request) -> None:
        """Remember a claim that is about to wait, in place of the one before, for ``close``."""
        self._latest[request.place] = request

    def add(self, request: Request) -> None:
        """Note that the reply to this claim is lost."""
        self._lost[request.nonce] = request

    def settle(self) -> None:
        """Take back what claims were lent whose replies are lost; keep those where this fails."""
        for nonce, request in tuple(self._lost.items()):
            with suppress(BackendError):
                self._link.plain(_CLAIM_ANY, [self._link.encoded(nonce, request.taking_back)])
                self._lost.pop(nonce, None)

    def settle_soon(self) -> None:
        """Do so where the server answers at once; what is left is for the next claim, or for ``close``."""
        for nonce, request in tuple(self._lost.items()):
            with suppress(BackendError, RedisError):
                self._link.try_once(_CLAIM_ANY, [self._link.encoded(nonce, request.taking_back)])
                self._lost.pop(nonce, None)

    def take_back(self, request: Request) -> None:
        """Take back what a claim was lent, though the link is closed."""
        with suppress(RedisError):
            self._link.last_word(_CLAIM_ANY, request.nonce, request.taking_back)

    def close(self) -> None:
        """Take back what all claims were lent that are not settled, though the link is closed."""
        for request in [*self._lost.values(), *self._latest.values()]:
            self.take_back(request)
        self._lost.clear()
        self._latest.clear()

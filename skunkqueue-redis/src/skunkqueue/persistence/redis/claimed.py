"""Claims as requests and replies: what the scripts ``claim`` and ``claim_any`` take, and what they answer."""

from __future__ import annotations

import msgspec

from skunkqueue.persistence.redis.keys import place_of
from skunkqueue.persistence.redis.labels import NO_LABELS, labels_of
from skunkqueue.persistence.redis.link import Link
from skunkqueue.persistence.redis.wire import reader
from skunkqueue.records import Claim

Place = tuple[str, str, str]
"""Queue, route and worker."""
NOT_PLAIN = 2
"""The kind of reply with which ``claim.lua`` says that ``claim_any.lua`` is needed."""
ClaimExtras = tuple[int, float | None, bool, bytes | None, int, str, bool]
"""Index in the batch; due, never expires, attempt state, deaths, evidence, kill requested."""

_as_claims = reader(tuple[int, list[Claim] | float | None, list[ClaimExtras] | float | None])
_force = msgspec.structs.force_setattr


class Request:
    """A claim, as each of the two scripts takes it."""

    __slots__ = ("_lease", "_limit", "_link", "nonce", "place")

    def __init__(self, link: Link, place: Place, limit: int, lease: float) -> None:
        self._link = link
        self._limit = limit
        self._lease = lease
        self.place = place
        self.nonce = link.nonce()
        """By this the server finds what the claim was lent, should its reply be lost."""

    @property
    def values(self) -> tuple[bytes, ...]:
        """Return what ``claim.lua`` takes."""
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
        """Return what ``claim_any.lua`` takes."""
        queue, route, worker = self.place
        return (place_of(queue, route), worker, self._limit, float(self._lease))

    @property
    def taking_back(self) -> tuple[str, str, int, float]:
        """Return what makes ``claim_any.lua`` only take back what the claim was lent."""
        place, worker, _, lease = self.arguments
        return (place, worker, 0, lease)


def claims_of(reply: bytes) -> tuple[int, list[Claim], float | None, float | None]:
    """Decode a claim's reply: its kind, the claims, and where there are none, in how many seconds to look again.

    These are two numbers: the seconds until the next firing is due, and until the next lease ends.
    """
    kind, first, second = _as_claims(reply)
    if not isinstance(first, list):
        return kind, [], first, second if isinstance(second, float) else None
    last, labels = "", NO_LABELS
    for claim in first:
        text = claim.evidence
        if text:
            # In place, since a copy costs as much as decoding did; and most firings of a batch have one job.
            if text != last:
                last, labels = text, labels_of(text)
            _force(claim, "evidence", "")
            _force(claim, "job", labels.job)
            if labels.tags:
                _force(claim, "tags", labels.tags)
            if labels.schedule is not None:
                _force(claim, "schedule", labels.schedule)
            if labels.parent is not None:
                _force(claim, "parent", labels.parent)
    if isinstance(second, list):
        for index, due, never_expires, attempt_state, deaths, evidence, kill in second:
            old = first[index]
            first[index] = msgspec.structs.replace(
                old,
                due=old.due if due is None else due,
                expires=None if never_expires else old.expires,
                attempt_state=attempt_state,
                deaths=deaths,
                evidence=evidence,
                kill_requested=kill,
            )
    return kind, first, None, None

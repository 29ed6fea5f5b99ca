"""A claim that waits on several routes at once, and lends from the one on which something comes first.

The wait is one request for the wake-ups of all routes, and lends nothing; the claim follows a wake-up. Were they sent together,
what the server lent on one route while it answered for another would have to be taken back.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import suppress

from redis.exceptions import RedisError
from skunkqueue.clock import monotonic
from skunkqueue.errors import BackendError
from skunkqueue.persistence.redis import wakeups
from skunkqueue.persistence.redis.awaited import AT_ONCE, Waits
from skunkqueue.persistence.redis.claim import Claims
from skunkqueue.persistence.redis.claimed import Place, Request
from skunkqueue.persistence.redis.link import GRACE, Link, reply_of
from skunkqueue.persistence.redis.scripts import load
from skunkqueue.records import Claim

_WAKE = load("wake")


def waits(claims: Claims, places: Sequence[Place], limit: int, lease: float) -> Waits:
    """Send a wait, and a claim after a wake-up, again and again."""
    link = claims.link
    keys = {key: place for place in places for key in wakeups.keys_of(link, *place)}
    while True:
        pauses = {place: claims.left(place) for place in places}
        asked = [place for place, pause in pauses.items() if pause <= 0]
        if asked:
            yield -1, AT_ONCE
        else:
            pause = min(pauses.values())
            try:
                woken = yield from _wait_for(link, list(keys), pause)
            except BaseException:
                # The wake-up that it may have taken with it told of a firing, so the next wait begins with a claim.
                for place in places:
                    claims.empty.pop(place, None)
                raise
            asked = [keys[woken]] if woken in keys else [one for one in places if pauses[one] <= pause]
        for place in asked:
            found = _claim_or_close(claims, Request(link, place, limit, lease))
            if found:
                return found


def _wait_for(
    link: Link, keys: Sequence[str], pause: float
) -> Generator[tuple[int, float], None, str | None]:
    """Wait until one of the lists has a wake-up; return which list."""
    popping = link.popping(keys, pause)
    try:
        yield next(popping), monotonic() + pause + GRACE
        popped = reply_of(popping)
    except RedisError as error:
        raise link.translated(error) from error
    except GeneratorExit:
        popping.close()
        # The server may have given us a wake-up in this moment, which others on the route wait for. Of each two lists the second is
        # the route's; the first is this worker's own.
        with suppress(BackendError, RedisError):
            link.try_once(_WAKE, [key.encode() for key in keys[1::2]])
        raise
    return None if popped is None else popped[0].decode()


def _claim_or_close(claims: Claims, request: Request) -> list[Claim]:
    """Claim from one route; what comes while the store is closed is taken back."""
    claims.unanswered.note(request)
    claims.empty.pop(request.place, None)
    found = claims.claim_now(request)
    if found and claims.link.closed.is_set():
        claims.unanswered.take_back(request)
        return []
    return found

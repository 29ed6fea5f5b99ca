"""Blocking until something happens: wake-ups in the server, and under a virtual clock the clock itself."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from skunkqueue.clock import monotonic
from skunkqueue.errors import BackendError, BackendUnavailableError
from skunkqueue.ids import ID_LENGTH
from skunkqueue.persistence.redis.claimed import Place
from skunkqueue.persistence.redis.keys import place_of
from skunkqueue.persistence.redis.link import Link
from skunkqueue.persistence.redis.scripts import load
from skunkqueue.persistence.redis.wire import as_ids, reader

_LOOK, _WAIT_SETTLED, _FORGET_WAITER = map(load, ("look", "wait_settled", "forget_waiter"))
_as_look = reader(tuple[bool, float | None, float | None])
LONGEST = 15.0
"""Seconds of sleep after which a wait looks again: the process that took its wake-up may have died."""
_FRESH = 1.0
"""Seconds for which a wait relies on what the last empty claim said."""
_POLL = 0.05

_waiters = itertools.count()


class EmptyClaim(NamedTuple):
    """What an empty claim said of when to look again."""

    at: float
    """When it was answered (monotonic)."""
    due: float | None
    """In how many seconds from then the next firing is due; ``None``: there is none."""
    ends: float | None
    """In how many seconds from then the next lease ends; ``None``: there is none."""


_NEVER = EmptyClaim(0.0, None, None)


def keys_of(link: Link, queue: str, route: str, worker: str) -> list[str]:
    """Return the lists on which a worker waits for firings: those of the worker and of the route."""
    key = f"{link.prefix}g:{place_of(queue, route)}"
    return [f"{key}:{worker}", key]


def wait_any(
    link: Link, places: Sequence[Place], timeout: float, last: Sequence[EmptyClaim | None]
) -> Place | None:
    """Block until something may be claimed at one of several places; return which. See ``Backend.wait_any``.

    ``last``: for each place what the last empty claim there said, or ``None``.
    """
    keys = {key: place for place in places for key in keys_of(link, *place)}
    end = _clock(link) + timeout
    # A look tells no more than the empty claim did; what came since has left a wake-up.
    known = [None] * len(places) if timeout <= 0 or link.is_virtual else list(last)
    while not link.closed.is_set():
        pauses: list[float] = []
        for at, place in enumerate(places):
            asked, due, ends = known[at] or _NEVER
            known[at] = None
            passed = monotonic() - asked
            if passed >= _FRESH:
                passed = 0.0
                found, due, ends = _as_look(link.call(_LOOK, place_of(*place[:2]), place[2]))
                if found:
                    return place
            pauses += [when - passed for when in (due, ends) if when is not None]
        left = end - _clock(link)
        if left <= 0:
            break
        pause = min([left, *pauses])
        if link.is_virtual:
            link.clock.wait(link.closed, max(pause, 0.0))
        elif pause > 0 and (popped := link.block(list(keys), min(pause, LONGEST))) is not None:
            return keys[popped[0].decode()]
    return None


def wait_settled(link: Link, ids: Sequence[str], timeout: float) -> list[str]:
    """Block until one of the firings is finished or unknown; return those. See ``Backend.wait_settled``."""
    wanted = [id_ for id_ in ids if id_.isascii()]
    strange = [id_ for id_ in ids if not id_.isascii()]
    end = monotonic() + timeout
    waiter = f"{secrets.token_hex(6)}{next(_waiters):x}" if timeout > 0 and ids else None
    try:
        while not link.closed.is_set():
            reply = link.call(_WAIT_SETTLED, wanted, waiter or False, 3 * LONGEST)
            found = strange + as_ids(reply)
            left = end - monotonic()
            if found or left <= 0 or waiter is None:
                return _in_order(ids, found)
            if link.is_virtual:
                link.clock.wait(link.closed, left)
                end = 0.0
                continue
            told = _hear(link, waiter, set(wanted), end)
            if told:
                return _in_order(ids, told)
    finally:
        if waiter is not None and not link.closed.is_set():
            # Should this fail, the server forgets the waiter when its time is over.
            with suppress(BackendError):
                link.call(_FORGET_WAITER, waiter)
    return []


def _hear(link: Link, waiter: str, wanted: set[str], end: float) -> list[str]:
    """Listen for news of some ids; return none where the caller must look at the store instead."""
    key = f"{link.prefix}y:{waiter}"
    until = min(end, monotonic() + 2 * LONGEST)
    while (left := until - monotonic()) > 0 and not link.closed.is_set():
        try:
            popped = link.block([key], left)
        except BackendUnavailableError:
            # The look that follows tries for longer, and raises if that fails.
            link.closed.wait(_POLL)
            return []
        if popped is None:
            continue
        news = popped[1].decode()
        if news == "cut":
            return []
        found = [
            id_
            for id_ in (news[at : at + ID_LENGTH] for at in range(0, len(news), ID_LENGTH))
            if id_ in wanted
        ]
        if found:
            return found
    return []


def _clock(link: Link) -> float:
    # Only differences count.
    return link.clock.monotonic() if link.is_virtual else monotonic()


def _in_order(ids: Sequence[str], found: Sequence[str]) -> list[str]:
    if len(ids) == len(found) == 1:
        return list(found)
    known = set(found)
    return [id_ for id_ in ids if id_ in known]

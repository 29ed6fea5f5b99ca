"""Blocking until something happens: bells in the server, and under a virtual clock the clock itself."""

from __future__ import annotations

import itertools
import secrets
from abc import ABC
from collections.abc import Sequence
from contextlib import suppress

from skunkqueue.clock import SystemClock, monotonic
from skunkqueue.errors import BackendError, BackendUnavailableError
from skunkqueue.ids import ID_LENGTH
from skunkqueue.persistence.redis import wire
from skunkqueue.persistence.redis.base import StoreBackend
from skunkqueue.persistence.redis.keys import place_of
from skunkqueue.persistence.redis.link import Link
from skunkqueue.persistence.redis.scripts import load
from skunkqueue.records import Command

_LOOK, _SETTLED, _UNWAIT, _MAILBOX, _TAKE = map(load, ("look", "wait_settled", "forget_waiter", "read_commands", "take_commands"))
_as_look = wire.reader(tuple[bool, float | None, float | None])
_as_mail = wire.reader(list[bytes])
_as_command = wire.reader(Command)
LONGEST = 15.0
"""Seconds of sleep after which one looks, though nobody rang: whoever popped a bell may have died of it."""
_FRESH = 1.0
_POLL = 0.05

_waiters = itertools.count()


class Waiting(StoreBackend, ABC):
    """The verbs that block."""

    def wait(self, queue: str, route: str, worker: str, timeout: float) -> bool:
        """Block until something may be claimable; see ``Backend.wait``."""
        return self.wait_any(queue, (route,), worker, timeout) is not None

    def wait_any(self, queue: str, routes: Sequence[str], worker: str, timeout: float) -> str | None:
        """Block until something may be claimable on one of several routes; see ``Backend.wait_any``."""
        link = self._link
        bells = {bell: route for route in routes for bell in self._bells(link, queue, route, worker)}
        end = _clock(link) + timeout
        # An empty claim has told all that a look would tell; what came since has rung.
        known = [self._moments.pop((queue, route, worker), None) for route in routes]
        if timeout <= 0 or not isinstance(link.clock, SystemClock):
            known = [None for _ in routes]
        while not link.closed.is_set():
            pauses: list[float] = []
            for at, route in enumerate(routes):
                asked, due, ends = known[at] or (0.0, None, None)
                known[at] = None
                passed = monotonic() - asked
                if passed >= _FRESH:
                    passed = 0.0
                    found, due, ends = _as_look(link.call(_LOOK, place_of(queue, route), worker))
                    if found:
                        return route
                pauses += [when - passed for when in (due, ends) if when is not None]
            left = end - _clock(link)
            if left <= 0:
                break
            pause = min([left, *pauses])
            if not isinstance(link.clock, SystemClock):
                link.clock.wait(link.closed, max(pause, 0.0))
            elif pause > 0 and (popped := link.block(list(bells), min(pause, LONGEST))) is not None:
                return bells[popped[0].decode()]
        return None

    def _bells(self, link: Link, queue: str, route: str, worker: str) -> list[str]:
        bell = f"{link.prefix}g:{place_of(queue, route)}"
        return [f"{bell}:{worker}", bell]

    def wait_settled(self, ids: Sequence[str], timeout: float) -> list[str]:
        """Block until one of the firings is finished or unknown; see ``Backend.wait_settled``."""
        link = self._link
        wanted = [id_ for id_ in ids if id_.isascii()]
        strange = [id_ for id_ in ids if not id_.isascii()]
        end = monotonic() + timeout
        waiter = f"{secrets.token_hex(6)}{next(_waiters):x}" if timeout > 0 and ids else None
        try:
            while not link.closed.is_set():
                reply = link.call(_SETTLED, wanted, waiter or False, 3 * LONGEST)
                found = strange + wire.as_ids(reply)
                left = end - monotonic()
                if found or left <= 0 or waiter is None:
                    return _in_order(ids, found)
                if not isinstance(link.clock, SystemClock):
                    link.clock.wait(link.closed, left)
                    end = 0.0
                    continue
                told = self._hear(link, waiter, set(wanted), end)
                if told:
                    return _in_order(ids, told)
        finally:
            if waiter is not None and not link.closed.is_set():
                # Nothing depends on it: a waiter is forgotten when its time is over.
                with suppress(BackendError):
                    link.call(_UNWAIT, waiter)
        return []

    def _hear(self, link: Link, waiter: str, wanted: set[str], end: float) -> list[str]:
        """Listen for news of some ids; nothing where one should look instead."""
        bell = f"{link.prefix}y:{waiter}"
        until = min(end, monotonic() + 2 * LONGEST)
        while (left := until - monotonic()) > 0 and not link.closed.is_set():
            try:
                popped = link.block([bell], left)
            except BackendUnavailableError:
                # The look that follows tries for longer, and says what is wrong.
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

    def listen(self, worker: str, timeout: float) -> list[Command]:
        """Block until commands arrive; see ``Backend.listen``."""
        link = self._link
        end = monotonic() + timeout
        while not link.closed.is_set():
            found = _as_mail(link.call(_MAILBOX, worker))
            if found:
                # They are taken out only now that they are here.
                link.call(_TAKE, worker, 2, blobs=found)
                return [_as_command(one) for one in found]
            left = end - monotonic()
            if left <= 0:
                break
            if not isinstance(link.clock, SystemClock):
                link.clock.wait(link.closed, left)
                end = 0.0
            else:
                link.block([f"{link.prefix}mb:{worker}"], left)
        return []


def _clock(link: Link) -> float:
    # Only differences count.
    return monotonic() if isinstance(link.clock, SystemClock) else link.clock.monotonic()


def _in_order(ids: Sequence[str], found: Sequence[str]) -> list[str]:
    if len(ids) == len(found) == 1:
        return list(found)
    known = set(found)
    return [id_ for id_ in ids if id_ in known]

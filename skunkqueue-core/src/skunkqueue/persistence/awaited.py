"""A claim that waits for firings without blocking its caller, which waits for something else as well.

``Backend.begin_claim`` returns it, where a store has a file descriptor to wait at. Knows no store.
"""

from __future__ import annotations

import select
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from skunkqueue.clock import monotonic
from skunkqueue.records import Claim

LOOK_AGAIN = 0.05
"""Seconds between looks at several routes, where a store cannot wait for all of them at once."""


class AwaitedClaim(ABC):
    """A claim that was begun; one thread at a time may use it.

    It ends with the first answer that lends something, with an error, or with ``cancel``.
    """

    until: float
    """When to call ``answer`` at the latest, by the monotonic clock, even if the descriptor cannot be read."""

    @abstractmethod
    def fileno(self) -> int:
        """Return the descriptor that can be read once an answer may be there; -1 where ``until`` has come.

        Any call of ``answer`` may change it.
        """

    def descriptors(self) -> Sequence[int]:
        """Return all descriptors; one of them can be read once an answer may be there. Several routes have several."""
        return (self.fileno(),)

    @abstractmethod
    def answer(self) -> Sequence[Claim]:
        """Return what was lent, as ``Backend.claim`` does; nothing where it goes on waiting.

        Call it when the descriptor can be read, or ``until`` has come. Raises BackendError.
        """

    @abstractmethod
    def cancel(self) -> None:
        """End the claim. What the store lends to it nevertheless goes back at the next claim, or with ``Backend.close``. Raises nothing.

        Safe to call after its end.
        """


def wait_by_looking(look: Callable[[str], bool], routes: Sequence[str], timeout: float) -> str | None:
    """Look at each route again and again, until one has something; return which one."""
    end = monotonic() + timeout
    while True:
        for route in routes:
            if look(route):
                return route
        left = end - monotonic()
        if left <= 0:
            return None
        time.sleep(min(left, LOOK_AGAIN))


def begun_on_each(begin: Callable[[str], AwaitedClaim | None], routes: Sequence[str]) -> AwaitedClaim | None:
    """Begin a claim on each route, of which the first that lends something ends the others; ``None`` where a store cannot."""
    begun: list[AwaitedClaim] = []
    try:
        for route in routes:
            one = begin(route)
            if one is None:
                break
            begun.append(one)
    except BaseException:
        _cancel(begun)
        raise
    if len(begun) < len(routes):
        _cancel(begun)
        return None
    return FirstOf(begun)


class FirstOf(AwaitedClaim):
    """Several claims that wait, of which the first that lends something, or fails, ends the others."""

    def __init__(self, begun: Sequence[AwaitedClaim]) -> None:
        self._begun = begun
        self.until = min(one.until for one in begun)

    def fileno(self) -> int:
        """Return the first descriptor of several."""
        return self._begun[0].fileno()

    def descriptors(self) -> Sequence[int]:
        """Return the descriptor of each."""
        return [one.fileno() for one in self._begun]

    def answer(self) -> Sequence[Claim]:
        """Ask the claims that may have an answer, until one lends something."""
        try:
            claims = self._answer()
        except BaseException:
            self.cancel()
            raise
        if claims:
            self.cancel()
        return claims

    def cancel(self) -> None:
        """End all of them."""
        _cancel(self._begun)

    def _answer(self) -> Sequence[Claim]:
        poll = select.poll()
        for fd in self.descriptors():
            if fd >= 0:
                poll.register(fd, select.POLLIN)
        readable = {fd for fd, _ in poll.poll(0)}
        for one in self._begun:
            if one.fileno() in readable or one.until <= monotonic():
                claims = one.answer()
                if claims:
                    return claims
        self.until = min(one.until for one in self._begun)
        return []


def _cancel(begun: Sequence[AwaitedClaim]) -> None:
    for one in begun:
        one.cancel()

"""Waking those who wait: numbers in the cluster that change, and watches of them.

A watch reports a change within a millisecond or two, and costs nothing while nothing changes. It is set in the transaction
that looked and found nothing, so no change can come between.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from skunkqueue.errors import BackendError
from skunkqueue.latch import Latch
from skunkqueue.persistence import rules
from skunkqueue.persistence.fdb import errors, keys
from skunkqueue.persistence.fdb.binding import Future
from skunkqueue.persistence.fdb.transactions import Link, Transaction

T = TypeVar("T")

_ONE = (1).to_bytes(8, "little")
_WITHOUT = 0.25
"""Seconds between looks where the process has as many watches as it may have."""


def wake(tr: Transaction, queue: str, route: str) -> None:
    """Wake those who wait for firings of a route."""
    tr.add(tr.keys.wakeup + keys.place(queue, route), _ONE)


def wake_settled(tr: Transaction, queue: str, route: str) -> None:
    """Wake those who wait for firings of a route to finish."""
    tr.add(tr.keys.settled + keys.place(queue, route), _ONE)


def wake_key(tr: Transaction, key: bytes) -> None:
    """Wake those who watch this key."""
    tr.add(key, _ONE)


class Watches:
    """The watches that one look has set."""

    def __init__(self, link: Link, woken: Callable[[], object]) -> None:
        self._link = link
        self._woken = woken
        self._futures: list[Future] = []
        self._round = 0
        """Grows with each look: a watch that was dropped calls back as well, and must not wake the waiter."""

    def look(self, work: Callable[[Transaction], tuple[T, Sequence[bytes]]]) -> T:
        """Run a function that reads, and watch the keys that it names; they take the place of those before."""
        made: list[Future] = []

        def watched(tr: Transaction) -> T:
            for future in made:
                future.cancel()
            found, wanted = work(tr)
            made[:] = [tr.raw.watch(key) for key in wanted]
            return found

        self.drop()
        try:
            found = self._link.run(watched, repeatable=True)
        except BaseException:
            for future in made:
                future.cancel()
            raise
        self._futures = made
        now = self._round

        def wake() -> None:
            if now == self._round:
                self._woken()

        def ready(future: Future) -> None:
            # The error may come some time after the look, and again after the next.
            if self._is_refused(future):
                later = threading.Timer(_WITHOUT, wake)
                later.daemon = True
                later.start()
            else:
                wake()

        for future in made:
            future.on_ready(ready)
        return found

    def _is_refused(self, future: Future) -> bool:
        """Return whether there are too many watches, so that this one tells of nothing."""
        try:
            future.wait()
        except self._link.error as error:
            return errors.code_of(error) == errors.TOO_MANY_WATCHES
        return False

    def drop(self) -> None:
        """Watch nothing any more."""
        self._round += 1
        futures, self._futures = self._futures, []
        for future in futures:
            future.cancel()


def wait_until(
    link: Link,
    work: Callable[[Transaction], tuple[T, float | None, Sequence[bytes]]],
    timeout: float,
    nothing: T,
) -> T:
    """Look until something is found, the timeout (seconds) is over, or the store is closed; return what was seen last.

    ``nothing`` is returned where it is closed during the first look.
    ``work`` returns what it found (a false value: nothing), when something may come by itself (store's time; ``None``: nothing
    will), and which keys change when anything else does.
    """
    event = Latch()
    watches = Watches(link, event.set)

    def watched(tr: Transaction) -> tuple[tuple[T, float | None], Sequence[bytes]]:
        found, moment, wanted = work(tr)
        return (found, None if moment is None else moment - tr.now), () if found or timeout <= 0 else wanted

    link.check()
    seen: list[tuple[T, float | None]] = [(nothing, None)]

    def look() -> tuple[T, float | None]:
        event.clear()
        try:
            seen[:] = [watches.look(watched)]
        except BackendError:
            if not link.closed.is_set():
                raise
        return seen[0]

    def sleep(seconds: float) -> None:
        link.clock.wait(event, seconds)

    link.sleepers.add(event)
    try:
        return rules.wait_for(look, sleep, clock=link.clock, timeout=timeout, closed=link.closed.is_set)
    finally:
        link.sleepers.discard(event)
        watches.drop()

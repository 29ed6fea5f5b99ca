"""A claim that waits at a descriptor, into which a watch of the route writes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence

from skunkqueue.persistence import rules
from skunkqueue.persistence.awaited import AwaitedClaim
from skunkqueue.persistence.fdb.transactions import Link, Transaction
from skunkqueue.persistence.fdb.wakeups import Watches
from skunkqueue.records import Claim

_AT_ONCE = float("-inf")
Look = Callable[[Transaction], tuple[bool, float | None, Sequence[bytes]]]


class Doorbell:
    """A pipe that can be read once ``set`` was called; any thread may call it, at any time."""

    def __init__(self) -> None:
        self._pipe: _Pipe | None = _Pipe()

    def fileno(self) -> int:
        """Return what can be read; -1 once it is closed."""
        pipe = self._pipe
        return -1 if pipe is None else pipe.out

    def set(self) -> None:
        """Have it be readable."""
        pipe = self._pipe
        if pipe is not None:
            with contextlib.suppress(BlockingIOError):
                os.write(pipe.into, b"!")

    def clear(self) -> bool:
        """Return whether it was set since the last time."""
        pipe = self._pipe
        if pipe is None:
            return False
        try:
            return os.read(pipe.out, 4096) != b""
        except BlockingIOError:
            return False

    def close(self) -> None:
        """Let go of the pipe."""
        self._pipe = None


class _Pipe:
    """Two descriptors, closed with the last call that uses them, so that none writes into what took their numbers.

    A lock would do the same, but the client's only thread would wait for ever where a signal handler had raised at it.
    """

    def __init__(self) -> None:
        self.out, self.into = os.pipe()
        os.set_blocking(self.out, False)
        os.set_blocking(self.into, False)

    def __del__(self) -> None:
        os.close(self.into)
        os.close(self.out)


class WatchedClaim(AwaitedClaim):
    """Claims when its route's wake-up changes, or a moment comes at which something may be due."""

    def __init__(
        self,
        link: Link,
        look: Look,
        claim: Callable[[], Sequence[Claim]],
        step_aside: Callable[[], object],
    ) -> None:
        """``step_aside``: called before a claim for which others may have been woken as well."""
        self._link = link
        self._step_aside = step_aside
        self._look = look
        self._claim = claim
        self._bell = Doorbell()
        self._watches = Watches(link, self._bell.set)
        self.until = _AT_ONCE
        link.sleepers.add(self._bell)
        try:
            self._look_out()
        except BaseException:
            self.cancel()
            raise

    def fileno(self) -> int:
        """Return the pipe."""
        return self._bell.fileno()

    def answer(self) -> Sequence[Claim]:
        """Claim if there may be something."""
        try:
            self._link.check()
            woken = self._bell.clear()
            if not woken and self.until > self._link.clock.monotonic():
                return []
            if woken:
                self._step_aside()
            claims = self._claim()
            if not claims:
                self._look_out()
        except BaseException:
            self.cancel()
            raise
        if claims:
            self.cancel()
        return claims

    def cancel(self) -> None:
        """Stop watching."""
        self._link.sleepers.discard(self._bell)
        self._watches.drop()
        self._bell.close()
        self.until = _AT_ONCE

    def _look_out(self) -> None:
        def look(tr: Transaction) -> tuple[float, Sequence[bytes]]:
            found, moment, wanted = self._look(tr)
            left = rules.LOOK_EVERY if moment is None else min(moment - tr.now, rules.LOOK_EVERY)
            return (_AT_ONCE if found else max(left, rules.SHORTEST_SLEEP)), () if found else wanted

        left = self._watches.look(look)
        self.until = self._link.clock.monotonic() + left

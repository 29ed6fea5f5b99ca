"""Group commit: what threads of one process put in at the same time comes in by one transaction.

While the commit of one call is under way, those that come meanwhile wait, and the next of them puts in what all of them have
(DeWitt et al., *Implementation Techniques for Main Memory Database Systems*, SIGMOD 1984, section 5.2). A call that comes alone
goes at once. Where several threads fire all the time, the one whose turn it is waits a moment for those that were let go
just now: otherwise they would go in two halves by turns, each in twice as many commits. Nobody waits long for another call, since
the cluster may be away: then each goes by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from skunkqueue.errors import BackendUnavailableError
from skunkqueue.latch import Latch
from skunkqueue.records import Firing
from skunkqueue.turns import Turn, Turned

PATIENCE = 0.5
"""Seconds that a call waits for those of others."""
LINGER = 0.001
"""Seconds that one whose turn it is waits for others, where at least ``CROWD`` fired at the same time just now."""
CROWD = 3
MOST, MOST_BYTES = 500, 500_000
"""Firings, and bytes of their bodies, that are put in together."""
_LARGE, _LARGE_BYTES = 50, 50_000
"""A call with more than these goes by itself."""
Put = Callable[[Sequence[Firing]], list[str]]


class Call(Turned):
    """One call, and what became of it."""

    __slots__ = ("firings", "goes_alone", "ids", "size", "woken")

    def __init__(self, firings: Sequence[Firing], size: int) -> None:
        super().__init__()
        self.firings = firings
        self.size = size
        self.ids: list[str] | None = None
        """What it returns; ``None``: it is not in yet."""
        self.goes_alone = False
        self.woken = Latch()


class GroupCommit:
    """The calls of one open store."""

    def __init__(self, put: Put) -> None:
        """``put`` puts firings in: all or none, and the same again where it is called again."""
        self._put = put
        self._turn: Turn[Call] = Turn(GroupCommit._share.__code__, "call")
        self._waiting: dict[Call, None] = {}
        """Also those that are being put in."""
        self._crowd = 0
        """How many there were when the last commit ended."""
        self._lingering: Call | None = None

    def put(self, firings: Sequence[Firing]) -> list[str]:
        """Put firings in, together with those of other threads where that may be; return the ids that count."""
        if len(firings) > _LARGE:
            return self._put(firings)
        size = 0
        for firing in firings:
            # A key is somebody's at one moment and nobody's at the next: it must not be asked for twice.
            if firing.key is not None:
                return self._put(firings)
            size += len(firing.body)
        if size > _LARGE_BYTES:
            return self._put(firings)
        return self._share(Call(firings, size))

    def _share(self, call: Call) -> list[str]:
        try:
            self._waiting[call] = None
            lingering = self._lingering
            if lingering is not None and len(self._waiting) >= self._crowd:
                lingering.woken.set()
            while call.ids is None:
                if call.goes_alone:
                    return self._put(call.firings)
                holder = self._turn.take(call)
                if holder is call:
                    return self._lead(call)
                if not self._may_wait(call, holder):
                    call.goes_alone = True
            return call.ids
        finally:
            self._waiting.pop(call, None)
            if self._turn.holder is call:
                self._turn.give_back()
                self._wake_next()

    def _may_wait(self, call: Call, holder: Call) -> bool:
        """Wait for the call whose turn it is; return whether to go on with the others."""
        if holder.thread != call.thread and call.woken.wait(PATIENCE):
            call.woken.clear()
            return True
        if self._turn.is_under_way(holder):
            # Either it takes long, or a signal handler has interrupted it here.
            return self._turn.holder is not holder
        self._turn.take_over(holder, call)
        return True

    def _lead(self, call: Call) -> list[str]:
        """Put in what all have that wait now."""
        if call.ids is not None:
            return call.ids
        if self._crowd >= CROWD:
            self._linger(call)
        group = self._group(call)
        if len(group) == 1:
            ids = self._put(call.firings)
            self._crowd = len(self._waiting)
            return ids
        try:
            ids = self._put([firing for one in group for firing in one.firings])
        except BackendUnavailableError:
            raise
        except Exception:  # noqa: BLE001 - each call raises its own below
            # It may be due to one of them.
            for one in group:
                one.goes_alone = True
                self._let_go(one)
            return self._put(call.firings)
        self._crowd = len(self._waiting)
        start = 0
        for one in group:
            end = start + len(one.firings)
            one.ids = ids[start:end]
            start = end
            self._let_go(one)
        return ids[: len(call.firings)]

    def _let_go(self, call: Call) -> None:
        # The call may be over, where a signal handler raised as it ended.
        self._waiting.pop(call, None)
        call.woken.set()

    def _linger(self, call: Call) -> None:
        """Wait until as many are there as fired at the same time just now."""
        call.woken.clear()
        self._lingering = call
        if len(self._waiting) < self._crowd:
            call.woken.wait(LINGER)
        self._lingering = None

    def _group(self, call: Call) -> list[Call]:
        group, number, size = [call], len(call.firings), call.size
        for one in list(self._waiting):
            if one is call or one.goes_alone or one.ids is not None:
                continue
            number += len(one.firings)
            size += one.size
            if number > MOST or size > MOST_BYTES:
                break
            group.append(one)
        return group

    def _wake_next(self) -> None:
        for one in list(self._waiting):
            if one.ids is None and not one.goes_alone:
                one.woken.set()
                return

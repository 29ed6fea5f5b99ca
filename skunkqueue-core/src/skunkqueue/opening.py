"""Opening a queue's store when it is first used, once a process. Knows no firing."""

from __future__ import annotations

import os
import time

from skunkqueue.clock import Clock
from skunkqueue.config import open_backend
from skunkqueue.errors import BackendError
from skunkqueue.persistence.backend import Backend, BackendConfig
from skunkqueue.serializers import DEFAULT_SERIALIZER, get_serializer
from skunkqueue.turns import Turn, Turned

_PAUSE = 0.002
_now: dict[int, Turned] = {}
"""By thread, who opens a store: what is imported for it is half there, so not even another queue can."""


class StoreOpening:
    """A store that is opened anew in each process, also in children of a fork."""

    __slots__ = ("_clock", "_config", "_turn", "opened", "pid")

    def __init__(self, config: BackendConfig, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._turn: Turn[Turned] = Turn(StoreOpening.open.__code__, "call")
        self.opened: Backend | None = None
        self.pid = 0
        """The process that opened it."""

    def open(self) -> Backend:
        """Open it, or wait until another thread has. Raises BackendError in a handler that interrupts just that."""
        call = Turned()
        # Not by a lock: what a signal handler raises would leave it taken, and such a handler may come here itself.
        try:
            outer = _now.setdefault(call.thread, call)
            if outer is not call and self._turn.is_under_way(outer):
                msg = (
                    f"a store ({self._config.backend}) is used by a signal handler while its thread is opening one: set a"
                    f" flag in the handler, or have the store opened at the start, by a look at `queue.backend`"
                )
                raise BackendError(msg)
            _now[call.thread] = call
            while (holder := self._turn.take(call)) is not call:
                if self._turn.is_under_way(holder):
                    time.sleep(_PAUSE)
                else:
                    self._turn.take_over(holder, call)
            opened = self.opened
            if opened is None or self.pid != os.getpid():
                # A connection of the parent's is left alone: closing it here would disturb the parent.
                opened = open_backend(self._config, clock=self._clock)
                # The first firing would import it, and a signal handler that fires then would find it half there.
                get_serializer(DEFAULT_SERIALIZER)
                self.opened, self.pid = opened, os.getpid()
            return opened
        finally:
            if self._turn.holder is call:
                self._turn.give_back()
            if _now.get(call.thread) is call:
                del _now[call.thread]

    def close(self) -> None:
        """Let go of it; the next use opens it again."""
        opened, self.opened = self.opened, None
        if opened is not None and self.pid == os.getpid():
            opened.close()

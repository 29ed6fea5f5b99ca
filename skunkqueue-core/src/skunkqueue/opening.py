"""Opening a queue's store when it is first used, once a process. Knows no firing.

Which store that is, is worked out then, and not when the queue is made. For tests, all queues of the process can be
given one other store (``divert``).
"""

from __future__ import annotations

import os
import sys
import time
import weakref
from collections.abc import Callable
from typing import Protocol

from skunkqueue.clock import Clock, SystemClock
from skunkqueue.config import open_backend
from skunkqueue.errors import BackendError, ConfigError
from skunkqueue.forking import FIRST_USES
from skunkqueue.persistence.backend import Backend, BackendConfig
from skunkqueue.serializers import DEFAULT_SERIALIZER, get_serializer
from skunkqueue.turns import Turn, Turned

_PAUSE = 0.002
_now: dict[int, Turned] = {}
"""By thread, the call that opens a store. Its imports are half done, so no other queue can open one on that thread."""


_UNDER_TEST = "PYTEST_CURRENT_TEST"
"""What pytest sets in the environment while a test runs."""


class OtherStore(Protocol):
    """What queues use in the place of their own stores, for as long as they are diverted."""

    @property
    def config(self) -> BackendConfig:
        """Where it is."""

    @property
    def backend(self) -> Backend:
        """The store, opened if need be."""


class StoreOpening:
    """A store that is opened anew in each process, also in children of a fork."""

    __slots__ = ("__weakref__", "_aside", "_clock", "_config", "_find", "_turn", "opened", "pid")

    def __init__(self, find: Callable[[], BackendConfig], clock: Clock) -> None:
        """``find`` works out which store is meant; it is called at first use."""
        self._find = find
        self._config: BackendConfig | None = None
        self._clock = clock
        self._aside: Backend | None = None
        """What was open when the queues were diverted."""
        self._turn: Turn[Turned] = Turn(StoreOpening.open.__code__, "call")
        self.opened: Backend | None = None
        self.pid = 0
        """The process that opened it."""
        _openings.add(self)

    @property
    def config(self) -> BackendConfig:
        """Which store it is; until it is opened, which it would be now."""
        if _diverted:
            return _diverted[0].config
        return self._find() if self._config is None else self._config

    def open(self) -> Backend:
        """Open it, or wait until another thread has. Raises BackendError in a signal handler that interrupts the opening."""
        if _diverted:
            return _diverted[0].backend
        call = Turned()
        # Not by a lock: a signal handler that raises would leave it taken, and a handler may call this itself.
        try:
            outer = _now.setdefault(call.thread, call)
            if outer is not call and self._turn.is_under_way(outer):
                msg = (
                    f"a store ({self.config.backend}) is used by a signal handler while its thread is opening one: set a"
                    f" flag in the handler, or have the store opened at the start, by a look at `queue.backend`"
                )
                raise BackendError(msg)
            _now[call.thread] = call
            self._wait_for_turn(call)
            opened = self.opened
            if opened is None or self.pid != os.getpid():
                # It imports, and a fork meanwhile would leave a module in the child for ever half imported.
                opened = FIRST_USES.run_within(self._open)
                if _diverted:
                    # Meanwhile, by another thread.
                    self.put_aside()
                    return _diverted[0].backend
            return opened
        finally:
            if self._turn.holder is call:
                self._turn.give_back()
            if _now.get(call.thread) is call:
                del _now[call.thread]

    def _wait_for_turn(self, call: Turned) -> None:
        # Not within the ``try`` of its caller; see turns.py.
        while (holder := self._turn.take(call)) is not call:
            if self._turn.is_under_way(holder):
                time.sleep(_PAUSE)
            else:
                self._turn.take_over(holder, call)

    def _open(self) -> Backend:
        config = self._find() if self._config is None else self._config
        self._check_clock(config)
        # A connection of the parent process stays open: closing it here would disturb the parent.
        opened = open_backend(config, clock=self._clock)
        # Else the first firing would import it, and a signal handler that fires then would find it half imported.
        get_serializer(DEFAULT_SERIALIZER)
        self._config, self.opened, self.pid = config, opened, os.getpid()
        return opened

    def close(self) -> None:
        """Close it; the next use works out anew which store it is, and opens it."""
        opened, self.opened = self.opened or self._aside, None
        self._aside = self._config = None
        if opened is not None and self.pid == os.getpid():
            opened.close()

    def put_aside(self) -> None:
        """Leave the store open and unused; every use comes to ``open``."""
        if self.opened is not None:
            self._aside, self.opened = self.opened, None

    def take_back(self) -> None:
        """Use it again."""
        aside, self._aside = self._aside, None
        if aside is None:
            return
        if self.opened is None:
            self.opened = aside
        elif self.pid == os.getpid():
            # Another thread has opened it meanwhile.
            aside.close()

    def _check_clock(self, config: BackendConfig) -> None:
        """Raise ConfigError for a clock that is not the machine's, unless a test runs."""
        # Processes that a test starts inherit its environment, and are no tests.
        if isinstance(self._clock, SystemClock) or (_UNDER_TEST in os.environ and "pytest" in sys.modules):
            return
        msg = (
            f"clock={type(self._clock).__name__} is refused for a store ({config.backend}) outside of a test: what is fired by"
            f" a virtual clock is due at the wrong time for everybody else. Leave it out; tests move time by"
            f" skunkqueue.testing.advance"
        )
        raise ConfigError(msg)


_openings: weakref.WeakSet[StoreOpening] = weakref.WeakSet()
"""Of all queues of this process."""
_diverted: list[OtherStore] = []
"""At most one."""


def divert(other: OtherStore) -> None:
    """Have every queue of this process, made before or after, use another store than its own; for tests.

    Raises ConfigError where they have another one already.
    """
    if _diverted:
        msg = f"the queues of this process use the test store {_diverted[0].config.url} already: end that `divert` first"
        raise ConfigError(msg)
    _diverted.append(other)
    for opening in _all():
        opening.put_aside()


def end_diversion() -> None:
    """Give every queue its own store again."""
    _diverted.clear()
    for opening in _all():
        opening.take_back()


def _all() -> list[StoreOpening]:
    while True:
        try:
            return list(_openings)
        except RuntimeError:
            # Another thread has made a queue meanwhile.
            continue

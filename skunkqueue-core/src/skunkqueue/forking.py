"""Stretches of code that no other thread is in while one forks.

A fork copies one thread, and the locks that the others held at that moment: the child has nobody to release them.
Where the locks are not ours (SQLite's mutexes, Python's own for a module that is being imported), the only way is
that a thread that forks waits until all others are out.
"""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from threading import get_ident
from typing import Any, TypeVar

from skunkqueue.clock import monotonic
from skunkqueue.stacks import stacks
from skunkqueue.turns import frames_of

T = TypeVar("T")

_LONGEST = 10.0
"""Seconds for which a fork waits for the other threads, and they for a fork."""
_PAUSE = 0.0005


class Section:
    """Code of one kind. Every step is one operation on a ``dict``, a ``list`` or a ``set``, which nothing interrupts."""

    __slots__ = ("_forking", "_inside", "quiet")

    def __init__(self) -> None:
        self._inside: dict[int, int] = {}
        """The threads inside, by the id of their call."""
        self._forking: list[int] = []
        """One entry for each thread that forks now; a thread that is about to enter waits for them."""
        self.quiet: set[int] = set()
        """Threads that forked while no other thread was inside."""
        # An exception that a handler raises inside a hook is reported and dropped, and the rest of the hook is skipped.
        # So what must not be skipped has no bytecode. The hooks that run before a fork run in reverse order.
        os.register_at_fork(before=self._wait_for_others)
        os.register_at_fork(
            before=partial(self._forking.append, 1),
            after_in_parent=self._forking.pop,
            after_in_child=self._forking.clear,
        )
        os.register_at_fork(after_in_child=self._inside.clear)

    def run(self, call: object, action: Callable[..., T], *args: Any) -> T:
        """Run an action of this kind, but not while a thread forks. The id of ``call`` identifies it meanwhile.

        An action must not run another one of the same kind: that one would wait for the fork that waits for this one.
        """
        number = id(call)
        end = None
        try:
            while True:
                # In this order: a fork first announces itself, and then looks which threads are inside.
                self._inside[number] = get_ident()
                if not self._forking or (end is not None and monotonic() > end):
                    return action(*args)
                del self._inside[number]
                end = end or monotonic() + _LONGEST
                time.sleep(_PAUSE)
        finally:
            self._inside.pop(number, None)

    def run_within(self, action: Callable[[], T]) -> T:
        """Run such an action, which may also be part of another one on the same thread."""
        if get_ident() in list(self._inside.values()):
            return action()
        return self.run(action, action)

    def _wait_for_others(self) -> None:
        me = get_ident()
        self.quiet.discard(me)
        end = None
        while self._inside:
            found = stacks()
            for number, thread in list(self._inside.items()):
                if not frames_of(found.get(thread), Section.run.__code__):
                    # It was interrupted on its way out.
                    self._inside.pop(number, None)
                elif thread == me:
                    return
            now = monotonic()
            end = end or now + _LONGEST
            if now > end:
                return
            time.sleep(_PAUSE)
        self.quiet.add(me)


# In this order: who is in a first use may enter SQLite meanwhile. So a fork waits for the former before it holds up the latter.
SQLITE = Section()
FIRST_USES = Section()
"""Imports of what is first used when something is fired, and the opening of a store, which may import as well."""


def first_import(name: str) -> None:
    """Import a module that not every program needs, when it is first used."""
    if name not in sys.modules:
        FIRST_USES.run_within(partial(importlib.import_module, name))

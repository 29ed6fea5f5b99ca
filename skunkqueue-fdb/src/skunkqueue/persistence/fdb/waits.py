"""Waits of FoundationDB's binding that a signal handler interrupts: it may raise there, or wait itself.

The binding keeps one semaphore for each thread, at which that thread waits for every future. A future that comes opens it, so
a call in a signal handler would be woken by the future of the call that the handler has interrupted. Knows no transaction.
"""

from __future__ import annotations

import sys
import threading
from types import CodeType
from typing import Any

from skunkqueue.persistence.fdb.binding import Binding
from skunkqueue.turns import frames_of

_KEPT = "future_block_semaphore"


class Waits:
    """The waits of one binding; another one, as that of tests, may have no semaphores."""

    def __init__(self, binding: Binding) -> None:
        inner = getattr(binding, "impl", None)
        self._kept: Any = getattr(inner, "_thread_local_storage", None)
        wait = getattr(getattr(inner, "Future", None), "block_until_ready", None)
        self._code: CodeType | None = None if self._kept is None else getattr(wait, "__code__", None)

    def forget(self) -> None:
        """Have the next wait of this thread be a fresh one, after a signal handler raised within a wait.

        The binding drops its semaphore only after an ``Exception``. A later wait would end too soon.
        """
        if hasattr(self._kept, _KEPT):
            setattr(self._kept, _KEPT, None)

    def part(self) -> None:
        """Have the waits that follow be fresh ones, where a signal handler has interrupted a wait of its thread.

        That wait goes on at the semaphore that it has.
        """
        if self._code is None or threading.current_thread() is not threading.main_thread():
            return
        if frames_of(sys._getframe(1), self._code):  # noqa: SLF001 - documented
            self.forget()

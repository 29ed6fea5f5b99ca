"""Calls of the driver that no signal handler interrupts, since they are not made in the main thread.

pymongo takes locks by ``with``, on conditions that are written in Python: what a signal handler raises there leaves
one taken for ever, and a handler that uses the same client waits for what its own thread has taken. Handlers run
in the main thread only, so what that wants of the driver is done by another thread, while it waits. That costs some
15 µs a call.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class _Call:
    """One call, what came of it, and a gate for who waits for that."""

    __slots__ = ("action", "args", "error", "gate", "kwargs", "value")

    def __init__(self, action: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.action = action
        self.args = args
        self.kwargs = kwargs
        self.value: Any = None
        self.error: BaseException | None = None
        self.gate = threading.Lock()
        self.gate.acquire()


_Inbox = SimpleQueue["_Call | None"]


class Calls:
    """The threads that call the driver for the main thread: one, and another where a handler calls meanwhile."""

    def __init__(self) -> None:
        self._main = threading.main_thread().ident
        self._idle: deque[_Inbox] = deque()
        self._closed = False

    def run(self, action: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Make a call; who is interrupted while it waits does not stop it."""
        if self._closed or threading.get_ident() != self._main:
            return action(*args, **kwargs)
        call = _Call(action, args, kwargs)
        try:
            self._idle.pop().put(call)
        except IndexError:
            inbox: _Inbox = SimpleQueue()
            inbox.put(call)
            try:
                threading.Thread(
                    target=self._work, args=(inbox,), name="skunkqueue-calls", daemon=True
                ).start()
            except RuntimeError:
                # The interpreter is about to end.
                return action(*args, **kwargs)
        call.gate.acquire()
        if call.error is not None:
            try:
                raise call.error
            finally:
                # Or the error, its traceback and this frame would hold each other.
                del call
        value: T = call.value
        return value

    def close(self) -> None:
        """Let the threads end, those at work once they are done."""
        self._closed = True
        while self._idle:
            self._idle.pop().put(None)

    def _work(self, inbox: _Inbox) -> None:
        while (call := inbox.get()) is not None:
            try:
                call.value = call.action(*call.args, **call.kwargs)
            except BaseException as error:  # noqa: BLE001 - whatever it is, the caller gets it
                call.error = error
            # First, so that the caller's next call finds it.
            self._idle.append(inbox)
            if self._closed:
                inbox.put(None)
            call.gate.release()
            del call

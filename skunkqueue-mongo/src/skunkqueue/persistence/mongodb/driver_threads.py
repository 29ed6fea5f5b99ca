"""Threads that call pymongo for the main thread, where signal handlers run.

pymongo takes locks by ``with``, on conditions written in Python. An exception that a signal handler raises there leaves
a lock taken for ever, and a handler that uses the same client waits for a lock that its own thread holds. Handlers run in
the main thread only. So another thread makes the main thread's calls while that waits, which costs some 15 µs a call.
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
    """One call, its outcome, and a lock that is released once the outcome is there."""

    __slots__ = ("action", "args", "done", "error", "kwargs", "value")

    def __init__(self, action: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.action = action
        self.args = args
        self.kwargs = kwargs
        self.value: Any = None
        self.error: BaseException | None = None
        self.done = threading.Lock()
        self.done.acquire()


_Inbox = SimpleQueue["_Call | None"]


class DriverThreads:
    """One thread for the main thread's calls, and one more for each signal handler that calls at the same time."""

    def __init__(self) -> None:
        self._main = threading.main_thread().ident
        self._idle: deque[_Inbox] = deque()
        self._closed = False

    def run(self, action: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Make a call. An exception that interrupts the waiting does not stop it."""
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
                    target=self._work, args=(inbox,), name="skunkqueue-driver", daemon=True
                ).start()
            except RuntimeError:
                # The interpreter is about to end.
                return action(*args, **kwargs)
        call.done.acquire()
        if call.error is not None:
            try:
                raise call.error
            finally:
                # Otherwise the error, its traceback and this frame would keep each other alive.
                del call
        value: T = call.value
        return value

    def close(self) -> None:
        """End the threads; those that make a call end after it."""
        self._closed = True
        while self._idle:
            self._idle.pop().put(None)

    def _work(self, inbox: _Inbox) -> None:
        while (call := inbox.get()) is not None:
            try:
                call.value = call.action(*call.args, **call.kwargs)
            except BaseException as error:  # noqa: BLE001 - whatever it is, the caller gets it
                call.error = error
            # Before the lock is released, so that the caller's next call finds this thread.
            self._idle.append(inbox)
            if self._closed:
                inbox.put(None)
            call.done.release()
            del call

"""A store as used from an event loop: calls of it on threads of their own, and one wait for all that is awaited.

Knows no firing. Imports asyncio, so it is imported only where a program uses it.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import threading
import weakref
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeVar

from skunkqueue.errors import SkunkQueueError
from skunkqueue.persistence.backend import MAX_PAGE

if TYPE_CHECKING:
    from skunkqueue.handle import Store

P = ParamSpec("P")
T = TypeVar("T")

_CALLS = 4
"""Calls of a store that are under way at a time; more wait for their turn."""
_WAITS = 4
_SLICE = 5.0
"""Seconds of one wait in the store; then the wait begins anew, for all firings that are awaited by then."""
_LAST_SLICE = 0.1
"""The same for the last free thread, so that a firing that is awaited while all threads wait is not noticed late."""


class _Awaiter(NamedTuple):
    """One task that waits for a firing."""

    loop: asyncio.AbstractEventLoop
    told: asyncio.Future[None]

    def tell(self, error: Exception | None) -> None:
        """Wake the task; from any thread."""
        # The loop may have ended meanwhile.
        with suppress(RuntimeError):
            self.loop.call_soon_threadsafe(_resolve, self.told, error)


class AsyncSide:
    """For one queue in one process; any event loop may use it."""

    def __init__(self, store: Store) -> None:
        self.pid = os.getpid()
        self._store = weakref.ref(store)
        self._calls = ThreadPoolExecutor(_CALLS, "skunkqueue-async")
        self._lock = threading.Lock()
        self._awaited: dict[str, list[_Awaiter]] = {}
        """The tasks to wake once a firing is finished."""
        self._uncovered: dict[str, None] = {}
        """Firings that no thread waits for."""
        self._threads = 0

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call what may block, on a thread, with this task's context variables."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._calls, partial(copy_context().run, partial(function, *args, **kwargs))
        )

    async def settled(self, firing: str, timeout: float) -> bool:
        """Wait until a firing is finished or unknown; False after ``timeout`` seconds.

        Raises BackendError, and whatever else the store or the opening of it raises.
        """
        loop = asyncio.get_running_loop()
        awaiter = _Awaiter(loop, loop.create_future())
        self._add(firing, awaiter)
        try:
            await asyncio.wait_for(awaiter.told, timeout)
        except (TimeoutError, asyncio.TimeoutError):
            return False
        finally:
            self._remove(firing, awaiter)
        return True

    def _add(self, firing: str, awaiter: _Awaiter) -> None:
        with self._lock:
            awaiters = self._awaited.setdefault(firing, [])
            awaiters.append(awaiter)
            if len(awaiters) > 1:
                return
            self._uncovered[firing] = None
            if self._threads >= _WAITS:
                # The next thread whose wait ends waits for this firing too.
                return
            self._threads += 1
            slice_ = _SLICE if self._threads < _WAITS else _LAST_SLICE
        thread = threading.Thread(target=self._wait, args=(slice_,), name="skunkqueue-await", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            # The system gives no more threads. Those that run wait for this firing too, if there are any.
            self._not_started(error)

    def _not_started(self, error: RuntimeError) -> None:
        with self._lock:
            self._threads -= 1
            firings = [] if self._threads else list(self._uncovered)
            awaiters = self._finished(firings)
        for awaiter in awaiters:
            awaiter.tell(error)

    def _finished(self, firings: Iterable[str]) -> list[_Awaiter]:
        """Forget firings; return the tasks that wait for them. Under the lock."""
        found: list[_Awaiter] = []
        for one in firings:
            self._uncovered.pop(one, None)
            found += self._awaited.pop(one, ())
        return found

    def _remove(self, firing: str, awaiter: _Awaiter) -> None:
        with self._lock:
            awaiters = self._awaited.get(firing, [])
            if awaiter in awaiters:
                awaiters.remove(awaiter)
                if not awaiters:
                    self._finished([firing])

    def _wait(self, slice_: float) -> None:
        """Wait for all firings that no other thread waits for, until there are none."""
        while True:
            with self._lock:
                firings = list(itertools.islice(self._uncovered, MAX_PAGE))
                if not firings:
                    self._threads -= 1
                    return
                for one in firings:
                    del self._uncovered[one]
            error: Exception | None = None
            store = self._store()
            try:
                finished = firings if store is None else store.backend.wait_settled(firings, slice_)
            except Exception as raised:  # noqa: BLE001 - whatever it is, every waiting task gets it, and none waits for ever
                finished, error = firings, raised
            del store
            with self._lock:
                awaiters = self._finished(finished)
                for one in firings:
                    self._put_back(one)
            for awaiter in awaiters:
                awaiter.tell(error)

    def _put_back(self, firing: str) -> None:
        """Have a firing waited for again, unless no task waits for it any more. Under the lock."""
        awaiters = self._awaited.get(firing)
        if awaiters is None:
            return
        # Tasks of a loop that was closed under them never end.
        awaiters[:] = [one for one in awaiters if not one.loop.is_closed()]
        if awaiters:
            self._uncovered[firing] = None
        else:
            del self._awaited[firing]


def _resolve(told: asyncio.Future[None], error: Exception | None) -> None:
    if told.done():
        return
    if error is None:
        told.set_result(None)
    else:
        told.set_exception(error)


_sides: weakref.WeakKeyDictionary[Store, AsyncSide] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def _renew_lock() -> None:
    global _lock  # noqa: PLW0603 - another thread of the parent may have had it at the fork, and cannot give it back
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_renew_lock)


def side_of(store: Store) -> AsyncSide:
    """Return how a queue is used from event loops of this process."""
    with _lock:
        side = _sides.get(store)
        if side is None or side.pid != os.getpid():
            side = _sides[store] = AsyncSide(store)
        return side


def in_loop(what: str, way_out: str, work: Callable[[], Coroutine[Any, Any, T]]) -> Coroutine[Any, Any, T]:
    """Return the coroutine that ``work`` makes. Raises SkunkQueueError where no event loop runs to await it."""
    try:
        asyncio.get_running_loop()
    except RuntimeError as error:
        msg = f"{what} is called where no event loop runs: use {way_out} here, or await it in an `async def`"
        raise SkunkQueueError(msg) from error
    return work()

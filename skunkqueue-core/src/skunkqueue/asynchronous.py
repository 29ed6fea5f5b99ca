"""A store as used from an event loop: calls of it on threads of their own, and one wait for all that is awaited.

Knows no firing. Imports asyncio, so it is imported only where a program uses it.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import threading
import weakref
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import Any, ParamSpec, Protocol, TypeVar

from skunkqueue.errors import BackendError, SkunkQueueError
from skunkqueue.persistence.backend import MAX_PAGE, Backend

P = ParamSpec("P")
T = TypeVar("T")

_CALLS = 4
"""Calls of a store that are under way at a time; more wait for their turn."""
_WAITS = 4
_SLICE = 5.0
"""Seconds of one wait in the store; then it is made anew, for all that are awaited by then."""


class Store(Protocol):
    """What is used: a queue, which opens its backend anew after a fork or a ``close``."""

    @property
    def backend(self) -> Backend:
        """The store, open."""


class AsyncSide:
    """For one queue in one process; any event loop may use it."""

    def __init__(self, store: Store) -> None:
        self.pid = os.getpid()
        self._store = weakref.ref(store)
        self._calls = ThreadPoolExecutor(_CALLS, "skunkqueue-async")
        self._lock = threading.Lock()
        self._awaited: dict[str, list[Callable[[BackendError | None], None]]] = {}
        """Whom to tell once a firing is finished."""
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
        """Wait until a firing is finished or unknown; False after ``timeout`` seconds. Raises BackendError."""
        loop = asyncio.get_running_loop()
        told: asyncio.Future[None] = loop.create_future()

        def tell(error: BackendError | None) -> None:
            # The loop may have ended meanwhile.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(_resolve, told, error)

        self._add(firing, tell)
        try:
            await asyncio.wait_for(told, timeout)
        except (TimeoutError, asyncio.TimeoutError):
            return False
        finally:
            self._remove(firing, tell)
        return True

    def _add(self, firing: str, tell: Callable[[BackendError | None], None]) -> None:
        with self._lock:
            tellers = self._awaited.setdefault(firing, [])
            tellers.append(tell)
            if len(tellers) > 1:
                return
            self._uncovered[firing] = None
            if self._threads >= _WAITS:
                # The next of them whose wait ends takes it along.
                return
            self._threads += 1
        threading.Thread(target=self._wait, name="skunkqueue-await", daemon=True).start()

    def _remove(self, firing: str, tell: Callable[[BackendError | None], None]) -> None:
        with self._lock:
            tellers = self._awaited.get(firing, [])
            if tell in tellers:
                tellers.remove(tell)
                if not tellers:
                    del self._awaited[firing]
                    self._uncovered.pop(firing, None)

    def _wait(self) -> None:
        """Wait for all firings that no other thread waits for, until there are none."""
        while True:
            with self._lock:
                firings = list(itertools.islice(self._uncovered, MAX_PAGE))
                if not firings:
                    self._threads -= 1
                    return
                for one in firings:
                    del self._uncovered[one]
            error: BackendError | None = None
            store = self._store()
            try:
                finished = firings if store is None else store.backend.wait_settled(firings, _SLICE)
            except BackendError as raised:
                finished, error = firings, raised
            del store
            with self._lock:
                tellers = [tell for one in finished for tell in self._awaited.pop(one, ())]
                self._uncovered.update((one, None) for one in firings if one in self._awaited)
            for tell in tellers:
                tell(error)


def _resolve(told: asyncio.Future[None], error: BackendError | None) -> None:
    if told.done():
        return
    if error is None:
        told.set_result(None)
    else:
        told.set_exception(error)


_sides: weakref.WeakKeyDictionary[Store, AsyncSide] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


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

"""The results of many firings for an event loop: awaited together, or one after the other by ``async for``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Sequence
from typing import Any, Generic, TypeVar

from skunkqueue.asynchronous import side_of
from skunkqueue.clock import monotonic
from skunkqueue.errors import WaitTimeoutError
from skunkqueue.handle import JobHandle, Store
from skunkqueue.imports import Gate
from skunkqueue.persistence.backend import MAX_PAGE
from skunkqueue.results import SLICE, check_handles, leading
from skunkqueue.times import Seconds, as_timeout

R = TypeVar("R")
_FIRST_LOOK = 16


class AsyncResults(Generic[R]):
    """What ``queue.results_async`` returns."""

    def __init__(
        self,
        store: Store,
        handles: Sequence[JobHandle[Any]],
        gate: Gate,
        timeout: Seconds | None,
        *,
        errors: bool,
    ) -> None:
        check_handles(handles)
        self._store = store
        self._handles = handles
        self._gate = gate
        self._patience = as_timeout(timeout, "the timeout of results_async")
        self._errors = errors

    def __await__(self) -> Generator[Any, None, list[R]]:
        return self._all().__await__()

    async def _all(self) -> list[R]:
        return [result async for result in self]

    async def __aiter__(self) -> AsyncIterator[R]:
        side = side_of(self._store)
        deadline = None if self._patience is None else monotonic() + self._patience
        done, size = 0, _FIRST_LOOK
        while done < len(self._handles):
            asked = self._handles[done : done + size]
            results = await side.call(self._leading, asked)
            for result in results:
                yield result
            done += len(results)
            size = min(max(2 * len(results), _FIRST_LOOK), MAX_PAGE)
            if len(results) == len(asked):
                continue
            left = SLICE if deadline is None else min(deadline - monotonic(), SLICE)
            if left <= 0:
                first = self._handles[done].id
                msg = f"firing {first} is not finished after {self._patience:g} s; {done} of {len(self._handles)} results came"
                raise WaitTimeoutError(msg)
            await side.settled(self._handles[done].id, left)

    def _leading(self, handles: Sequence[JobHandle[Any]]) -> list[Any]:
        return leading(self._store.backend, handles, self._gate, errors=self._errors)

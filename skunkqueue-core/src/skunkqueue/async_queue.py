"""The part of ``SkunkQueue`` that is used from event loops."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from skunkqueue.call import Conjoinable
from skunkqueue.errors import SkunkQueueError
from skunkqueue.fireable import Fireable
from skunkqueue.forking import first_import
from skunkqueue.handle import JobHandle
from skunkqueue.imports import default_gate, suppress_firing
from skunkqueue.producing import Producer
from skunkqueue.results import handles_in
from skunkqueue.times import Seconds, When

if TYPE_CHECKING:
    from skunkqueue.async_results import AsyncResults

R = TypeVar("R")


class AsyncQueue(Producer):
    """What a queue can do without blocking an event loop: each call of the store is made on a thread."""

    @overload
    def fire_many_async(
        self, calls: Iterable[Fireable[R]], when: When | None = None
    ) -> Coroutine[Any, Any, list[JobHandle[R]]]: ...
    @overload
    def fire_many_async(
        self, calls: Iterable[Conjoinable], when: When | None = None
    ) -> Coroutine[Any, Any, list[JobHandle[Any]]]: ...

    def fire_many_async(
        self, calls: Iterable[Conjoinable], when: When | None = None
    ) -> Coroutine[Any, Any, list[JobHandle[Any]]]:
        """Enqueue many calls like ``fire_many``, without blocking the event loop.

        Raises SkunkQueueError at once where no event loop runs.
        """
        first_import("skunkqueue.asynchronous")
        from skunkqueue.asynchronous import in_loop, side_of  # noqa: PLC0415 - asyncio is large and not everybody needs it

        listed = list(calls)

        async def fire() -> list[JobHandle[Any]]:
            if suppress_firing():
                return [JobHandle("", None, None) for _ in listed]
            return await side_of(self).call(self.fire_many, listed, when)

        return in_loop("fire_many_async(...)", "fire_many(...)", fire)

    @overload
    def results_async(
        self,
        handles: Iterable[JobHandle[R]],
        timeout: Seconds | None = None,
        *,
        errors: Literal[False] = False,
    ) -> AsyncResults[R]: ...
    @overload
    def results_async(
        self, handles: Iterable[JobHandle[R]], timeout: Seconds | None = None, *, errors: bool
    ) -> AsyncResults[R | SkunkQueueError]: ...

    def results_async(
        self, handles: Iterable[JobHandle[R]], timeout: Seconds | None = None, *, errors: bool = False
    ) -> AsyncResults[Any]:
        """Wait for firings like ``results``, without blocking the event loop.

        ``await queue.results_async(handles)`` returns all results in order; ``async for result in
        queue.results_async(handles)`` gives them in order too, each as soon as it and all before it are there.
        """
        first_import("skunkqueue.async_results")
        from skunkqueue.async_results import AsyncResults  # noqa: PLC0415 - as above

        return AsyncResults(self, handles_in(handles), default_gate(), timeout, errors=errors)

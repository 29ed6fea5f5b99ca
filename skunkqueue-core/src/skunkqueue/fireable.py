"""What can be fired: something with all its arguments, the queue it is fired on, and the firings made through it.

Knows no store: enqueuing is the queue's business, which is reached through the ``Enqueuer`` protocol.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from skunkqueue.errors import NoQueueError
from skunkqueue.forking import first_import
from skunkqueue.handle import JobHandle
from skunkqueue.imports import suppress_firing
from skunkqueue.payload import Step
from skunkqueue.persistence.backend import Backend
from skunkqueue.policy import Policy, change_policy
from skunkqueue.records import State
from skunkqueue.times import When, moment

if TYPE_CHECKING:
    from skunkqueue.call import Call

R = TypeVar("R")
T = TypeVar("T")

MAX_REMEMBERED = 1_000
"""Firings an object remembers for its ``state`` and ``result``; older ones are forgotten."""


class Enqueuer(Protocol):
    """What a call needs of its queue."""

    @property
    def policy(self) -> Policy:
        """The rules of jobs that say nothing else."""

    def fire_call(
        self, call: Fireable[T], when: When | None = None, *, transaction: object = None
    ) -> JobHandle[T]:
        """Enqueue one call."""

    def settled_last(self, ids: Iterable[str]) -> JobHandle[Any] | None:
        """Find, among these firings, the one that settled last; until one has, the newest."""

    @property
    def backend(self) -> Backend:
        """The store, open."""


class Memory:
    """The queue something is fired on, and the firings made through it in this process."""

    __slots__ = ("ids", "is_declared", "queue")

    def __init__(self, queue: Enqueuer | None = None, *, is_declared: bool = False) -> None:
        self.queue = queue
        self.is_declared = is_declared
        """It is that of a function's declaration, so its queue is one for the whole program."""
        self.ids: deque[str] = deque(maxlen=MAX_REMEMBERED)

    def last(self) -> JobHandle[Any] | None:
        """Find the firing that ``state`` and ``result`` are about."""
        if self.queue is None or not self.ids:
            return None
        return self.queue.settled_last(tuple(self.ids))


class Remembering(Generic[R]):
    """What has rules, and remembers the firings made through it: a job, a call, a chain."""

    __slots__ = ("memory", "policy")

    memory: Memory
    policy: Policy

    @property
    def routes(self) -> list[str]:
        """Where it is fired; assign a list to change it."""
        return list(self.policy.routes)

    @routes.setter
    def routes(self, routes: Iterable[str]) -> None:
        self.policy = change_policy(self.policy, {"routes": routes})

    @property
    def state(self) -> State | None:
        """State of the firing, of those made through this object in this process, that settled last.

        Until one has settled, that of the newest; ``None`` if nothing was fired.
        """
        handle = self.memory.last()
        return None if handle is None else handle.state

    @property
    def result(self) -> R | None:
        """Result of the firing that ``state`` is about; ``None`` while it has none."""
        handle = self.memory.last()
        return None if handle is None else handle.result


class Fireable(Remembering[R]):
    """Something with all its arguments, ready to be enqueued."""

    __slots__ = ("name",)

    def __init__(self, name: str, policy: Policy, memory: Memory) -> None:
        self.name = name
        self.policy = policy
        self.memory = memory

    def fire(self, *, transaction: object = None) -> JobHandle[R]:
        """Enqueue it as soon as possible; ``transaction``: in one of yours, see ``SkunkQueue.fire_call``."""
        return self._queue().fire_call(self, transaction=transaction)

    def fire_at(self, when: When, *, transaction: object = None) -> JobHandle[R]:
        """Enqueue it for a moment (aware datetime) or after a delay (timedelta, seconds); ``transaction`` as in ``fire``.

        Raises NaiveDatetimeError for a datetime without a time zone, and PolicyError for what is not a time.
        """
        if when is None:
            moment(when, "fire_at")  # None, such as from a failed look-up, does not mean now
        return self._queue().fire_call(self, when, transaction=transaction)

    def fire_async(self) -> Coroutine[Any, Any, JobHandle[R]]:
        """Enqueue it like ``fire``, without blocking the event loop.

        Raises SkunkQueueError at once where no event loop runs. What is wrong with the call is raised when it is
        awaited; until then, do not change its arguments.
        """
        return self._fired_async("fire", lambda queue: queue.fire_call(self))

    def fire_at_async(self, when: When) -> Coroutine[Any, Any, JobHandle[R]]:
        """Enqueue it like ``fire_at``, without blocking the event loop."""
        if when is None:
            moment(when, "fire_at_async")
        return self._fired_async("fire_at", lambda queue: queue.fire_call(self, when))

    def _fired_async(
        self, how: str, fire: Callable[[Enqueuer], JobHandle[R]]
    ) -> Coroutine[Any, Any, JobHandle[R]]:
        first_import("skunkqueue.asynchronous")
        from skunkqueue.asynchronous import in_loop, side_of  # noqa: PLC0415 - asyncio is large and not everybody needs it

        async def put() -> JobHandle[R]:
            if suppress_firing():
                return JobHandle("", None, None)
            queue = self._queue()
            return await side_of(queue).call(fire, queue)

        return in_loop(f"{how}_async(...) of {self.name}", f"{how}(...)", put)

    def steps(self) -> tuple[Step, ...]:
        """Encode; PayloadError names the argument that cannot be stored."""
        raise NotImplementedError

    def calls(self) -> tuple[Call[Any], ...]:
        """Return the calls it consists of."""
        raise NotImplementedError

    def serializers(self) -> tuple[str, ...]:
        """Return the names of the serializers of its steps' results."""
        return tuple(call.policy.serializer for call in self.calls())

    def key(self) -> str | None:
        """Return its idempotency key."""
        key = self.policy.idempotency_key
        return None if key is None or callable(key) else key

    def tags(self) -> tuple[str, ...]:
        """Return the tags by which people find its firings; made of the arguments where the policy has a function for them."""
        tags = self.policy.tags
        return () if callable(tags) else tags

    def _queue(self) -> Enqueuer:
        if self.memory.queue is None:
            msg = (
                f"{self.name} belongs to no queue yet: put @queue.job above its class, or give it to a queue, by "
                f"`queue += job` or `queue.fire_call(job, when)`"
            )
            raise NoQueueError(msg)
        return self.memory.queue

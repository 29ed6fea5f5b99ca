"""``SkunkQueue``: what producers hold. Declares jobs, fires them, finds firings again."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Literal, ParamSpec, TypeVar, overload

from skunkqueue.call import Conjoinable, Fireable, Memory
from skunkqueue.clock import SYSTEM_CLOCK, Clock
from skunkqueue.config import open_backend, resolve
from skunkqueue.errors import NobodyListensError, PayloadTooLargeError
from skunkqueue.handle import JobHandle
from skunkqueue.ids import new_id
from skunkqueue.imports import Gate, suppress_firing
from skunkqueue.job import Job, as_fireable
from skunkqueue.names import check_name
from skunkqueue.payload import MAX_PAYLOAD, Body, encode
from skunkqueue.persistence.backend import MAX_PAGE, Backend
from skunkqueue.policy import Policy, When, change_policy, moment
from skunkqueue.records import Firing, Record, Schedule
from skunkqueue.schedule import find_strategy, firing_for

P = ParamSpec("P")
R = TypeVar("R")
_BULK = 1_000


class SkunkQueue:
    """A named set of routes in a store.

    ``backend``, ``conn_url`` and ``dbname`` say which store (see ``config.resolve``; a backend's
    ``default_cfg`` holds all three); further options are the backend's own. ``queue_type`` and
    ``serializer`` are the rules of jobs that say nothing else; ``max_payload`` is the most bytes a
    firing's body may have.

    The store is opened at first use, in the process that uses it, also after a fork. Threads may share
    a queue.
    """

    def __init__(
        self,
        name: str,
        *,
        backend: str | None = None,
        conn_url: str | None = None,
        dbname: str | None = None,
        queue_type: Literal["default", "broadcast"] = "default",
        serializer: str = "typed",
        max_payload: int = MAX_PAYLOAD,
        clock: Clock = SYSTEM_CLOCK,
        **options: Any,
    ) -> None:
        self.name = check_name("queue", name)
        self.config = resolve(backend, conn_url, dbname, **options)
        self.policy = change_policy(Policy(), {"queue_type": queue_type, "serializer": serializer})
        self.max_payload = max_payload
        self._clock = clock
        self._opening = threading.Lock()
        self._opened: Backend | None = None
        self._pid = 0

    def __repr__(self) -> str:
        return f"<SkunkQueue {self.name!r} on {self.config.backend}>"

    def __enter__(self) -> SkunkQueue:  # noqa: PYI034 - Self is not in Python 3.10
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def backend(self) -> Backend:
        """The store, opened if need be."""
        if self._opened is not None and self._pid == os.getpid():
            return self._opened
        with self._opening:
            if self._opened is None or self._pid != os.getpid():
                # A connection of the parent's is left alone: closing it here would disturb the parent.
                self._opened = open_backend(self.config, clock=self._clock)
                self._pid = os.getpid()
            return self._opened

    def close(self) -> None:
        """Let go of the store; the next use opens it again."""
        with self._opening:
            if self._opened is not None and self._pid == os.getpid():
                self._opened.close()
            self._opened = None

    @overload
    def job(self, work: Callable[P, Coroutine[Any, Any, R]], /) -> Job[P, R]: ...
    @overload
    def job(self, work: Callable[P, R], /) -> Job[P, R]: ...
    @overload
    def job(self, /, **policy: Any) -> _Declare: ...

    def job(self, work: Any = None, /, **policy: Any) -> Any:
        """Make a function a job of this queue: ``@queue.job`` or ``@queue.job(routes=["foo"], retries=3)``.

        The rules are those of ``policy.Policy``; PolicyError names one that is wrong.
        """
        declare = _Declare(self, change_policy(self.policy, policy))
        return declare if work is None else declare(work)

    def __iadd__(self, job: Conjoinable) -> SkunkQueue:  # noqa: PYI034 - Self is not in Python 3.10
        """Fire a job, call or chain as soon as possible, and make this its queue."""
        fireable = as_fireable(job)
        fireable.memory.queue = self
        self.fire_call(fireable)
        return self

    def fire_call(self, call: Fireable[R], when: When | None = None) -> JobHandle[R]:
        """Enqueue one call, once on each of its routes; return the handle of the first, with all copies."""
        if suppress_firing():
            return JobHandle("", None, None)
        backend = self.backend
        firings = self._firings(call, when)
        ids = backend.enqueue(firings)
        call.memory.ids.extend(ids)
        return self._handle(ids)

    def fire_many(self, calls: Iterable[Conjoinable], when: When | None = None) -> list[JobHandle[Any]]:
        """Enqueue many calls, a thousand in one step; return a handle for each.

        ``queue.fire_many(add(i, i) for i in range(10_000))``. What raises leaves the thousands before
        it enqueued, and of its own thousand nothing.
        """
        if suppress_firing():
            return [JobHandle("", None, None) for _ in calls]
        handles: list[JobHandle[Any]] = []
        batch: list[Firing] = []
        sizes: list[tuple[Fireable[Any], int]] = []

        def flush() -> None:
            ids = self.backend.enqueue(batch)
            start = 0
            for call, size in sizes:
                own = ids[start : start + size]
                call.memory.ids.extend(own)
                handles.append(self._handle(own))
                start += size
            batch.clear()
            sizes.clear()

        for one in calls:
            call = as_fireable(one)
            if call.memory.queue is None:
                call.memory.queue = self
            made = self._firings(call, when)
            batch += made
            sizes.append((call, len(made)))
            if len(batch) >= _BULK:
                flush()
        if batch:
            flush()
        return handles

    def handle(self, firing_id: str) -> JobHandle[Any]:
        """Return a handle for a firing made elsewhere, by its id."""
        return JobHandle(firing_id, self.backend, default_gate())

    def declare(self, name: str, job: Conjoinable, *, strategy: str, params: bytes = b"") -> bool:
        """Declare a schedule: a job that refires itself when its strategy says.

        Declaring the very same again does nothing and returns False; a changed one replaces the old.
        """
        check_name("schedule", name)
        if suppress_firing():
            return False
        call = as_fireable(job)
        plan = find_strategy(strategy).first(params, self.backend.now())
        schedule = Schedule(
            queue=self.name,
            name=name,
            route=call.policy.routes[0],
            strategy=strategy,
            params=params,
            state=plan.state,
            body=self._body(call, schedule=name),
            priority=call.policy.priority,
            interval=plan.interval,
        )
        firing = firing_for(schedule, plan)
        return firing is not None and self.backend.declare(schedule, firing)

    def settled_last(self, ids: Iterable[str]) -> JobHandle[Any] | None:
        """Find, among these firings, the one that settled last; until one has, the newest."""
        asked = list(ids)[-MAX_PAGE:]
        known = [record for record in self.backend.get(asked) if record is not None]
        if not known:
            return None

        def rank(record: Record) -> tuple[bool, float, str]:
            finished = record.finished
            return (finished is not None, finished or 0.0, record.id)

        return JobHandle(max(known, key=rank).id, self.backend, default_gate())

    def _handle(self, ids: list[str]) -> JobHandle[Any]:
        gate = default_gate()
        # All handles of a process share its backend through this queue's own.
        backend = self.backend
        first: JobHandle[Any] = JobHandle(ids[0], backend, gate)
        if len(ids) > 1:
            first.copies = (first, *(JobHandle(one, backend, gate) for one in ids[1:]))
        return first

    def _body(self, call: Fireable[Any], schedule: str | None = None) -> bytes:
        body = encode(Body(call.steps(), call.policy.result_ttl, schedule))
        if len(body) > self.max_payload:
            msg = (
                f"a firing of {call.name} has {len(body)} bytes: at most {self.max_payload} are allowed. "
                f"Store the data elsewhere and give its id, or set max_payload on the queue"
            )
            raise PayloadTooLargeError(msg)
        return body

    def _firings(self, call: Fireable[Any], when: When | None) -> list[Firing]:
        policy = call.policy
        due, delay = (None, 0.0) if when is None else moment(when, f"fire_at of {call.name}")
        expires, expires_in = (None, None) if policy.expires is None else moment(policy.expires, "expires")
        if policy.expires is None or expires is not None:
            expires_in = None
        key = None if policy.idempotency_key is None else self._key(call)
        body = self._body(call)
        if policy.queue_type == "broadcast":
            places = self._listeners(policy.routes)
        else:
            places = [(route, None) for route in policy.routes]
        return [
            Firing(
                id=new_id(),
                queue=self.name,
                route=route,
                body=body,
                due=due,
                delay=delay,
                priority=policy.priority,
                expires=expires,
                expires_in=expires_in,
                # Copies of one firing are different firings, so each needs a key of its own.
                key=key if key is None or len(places) == 1 else f"{key}@{target or route}",
                target=target,
            )
            for route, target in places
        ]

    def _key(self, call: Fireable[Any]) -> str:
        return check_name("idempotency key", call.key())

    def _listeners(self, routes: tuple[str, ...]) -> list[tuple[str, str | None]]:
        found = [(route, worker.id) for route in routes for worker in self.backend.workers(self.name, route)]
        if not found:
            msg = (
                f"a broadcast on {', '.join(routes)} of queue {self.name!r} reaches nobody: no worker listens there. "
                f"Start one with `skunq work -q {self.name} -r {' '.join(routes)}`"
            )
            raise NobodyListensError(msg)
        return list(found)


class _Declare:
    """What ``@queue.job(...)`` returns: makes one function a job."""

    __slots__ = ("_policy", "_queue")

    def __init__(self, queue: SkunkQueue, policy: Policy) -> None:
        self._queue = queue
        self._policy = policy

    @overload
    def __call__(self, work: Callable[P, Coroutine[Any, Any, R]], /) -> Job[P, R]: ...
    @overload
    def __call__(self, work: Callable[P, R], /) -> Job[P, R]: ...

    def __call__(self, work: Callable[..., Any], /) -> Any:
        return Job(work, self._policy, Memory(self._queue))


@functools.cache
def default_gate() -> Gate:
    """Return the gate through which a producer finds the classes of results: its own code only."""
    import sys  # noqa: PLC0415 - only needed once

    return Gate([sys.path[0]] if sys.path and sys.path[0] else [])

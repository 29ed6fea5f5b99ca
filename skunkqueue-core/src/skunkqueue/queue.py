"""``SkunkQueue``: what producers hold. Declares jobs, fires them, finds firings again."""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, ParamSpec, TypeVar, overload

from skunkqueue import timetable
from skunkqueue.application import Registration
from skunkqueue.async_queue import AsyncQueue
from skunkqueue.call import Call, Conjoinable, Fireable, Memory
from skunkqueue.clock import SYSTEM_CLOCK, Clock
from skunkqueue.config import resolve
from skunkqueue.context import current
from skunkqueue.decorator import JobDecorator
from skunkqueue.errors import (
    ConfigError,
    NobodyListensError,
    PayloadTooLargeError,
    SkunkQueueError,
    WrongTypeError,
)
from skunkqueue.gathering import gather
from skunkqueue.handle import JobHandle
from skunkqueue.ids import new_id
from skunkqueue.imports import Gate, suppress_firing
from skunkqueue.job import Job, as_fireable
from skunkqueue.mixin import JobMixin
from skunkqueue.names import check_name
from skunkqueue.opening import StoreOpening
from skunkqueue.payload import MAX_PAYLOAD, Body, encode, job_label
from skunkqueue.persistence.backend import MAX_PAGE, Backend, BackendConfig
from skunkqueue.plugins.notify import default_notifier
from skunkqueue.policy import Policy, PolicyOptions, change_policy, check_scheduled
from skunkqueue.records import Firing, Record, Schedule
from skunkqueue.show import brief
from skunkqueue.times import Seconds, When, moment

if TYPE_CHECKING:
    from typing_extensions import Unpack  # in typing from Python 3.11 on

P = ParamSpec("P")
R = TypeVar("R")
J = TypeVar("J", bound=JobMixin)
A = TypeVar("A")
B = TypeVar("B")
D = TypeVar("D")
E = TypeVar("E")
_BULK = 1_000


class SkunkQueue(Registration, AsyncQueue):
    """A named set of routes in a store.

    ``backend``, ``conn_url`` and ``dbname`` say which store (see ``config.resolve``; a backend's
    ``default_cfg`` holds all three); further options are the backend's own. ``queue_type`` and
    ``serializer`` are the rules of jobs that say nothing else; ``max_payload`` is the most bytes a
    firing's body may have.

    The store is opened at first use, in the process that uses it, also after a fork. Where no argument names one, only
    then ``SKUNKQUEUE_URL`` is read. Threads may share
    a queue, and a process may fork while they use it. In a signal handler a use works, or raises
    BackendError in the few moments in which it cannot.
    """

    def __init__(
        self,
        name: str,
        *,
        backend: str | None = None,
        conn_url: str | os.PathLike[str] | None = None,
        dbname: str | None = None,
        queue_type: Literal["default", "broadcast"] = "default",
        serializer: str = "typed",
        max_payload: int = MAX_PAYLOAD,
        clock: Clock = SYSTEM_CLOCK,
        **options: Any,
    ) -> None:
        self.name = check_name("queue", name)
        store = _store_meant(backend, conn_url, dbname, options)
        self.policy = change_policy(Policy(), {"queue_type": queue_type, "serializer": serializer})
        if isinstance(max_payload, bool) or not isinstance(max_payload, int) or max_payload < 1:
            msg = f"max_payload must be a number of bytes, at least 1, not {brief(max_payload)}"
            raise ConfigError(msg)
        self.max_payload = max_payload
        self._store = StoreOpening(store, clock)

    def __repr__(self) -> str:
        try:
            where = self.config.backend
        except ConfigError:
            where = "a store that cannot be named"
        return f"<SkunkQueue {self.name!r} on {where}>"

    def __enter__(self) -> SkunkQueue:  # noqa: PYI034 - Self is not in Python 3.10
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def config(self) -> BackendConfig:
        """Which store it is; until its first use, which it would be now. Raises ConfigError."""
        return self._store.config

    @property
    def backend(self) -> Backend:
        """The store, opened if need be."""
        store = self._store
        if store.opened is not None and store.pid == os.getpid():
            return store.opened
        return store.open()

    def close(self) -> None:
        """Let go of the store; the next use works out anew which it is, and opens it."""
        self._store.close()

    @overload
    def job(self, work: type[J], /) -> type[J]: ...  # type: ignore[overload-overlap]  # a class can be called too
    @overload
    def job(self, work: Callable[P, Coroutine[Any, Any, R]], /) -> Job[P, R]: ...
    @overload
    def job(self, work: Callable[P, R], /) -> Job[P, R]: ...
    @overload
    def job(
        self, /, *, name: str | None = None, aliases: Iterable[str] = (), **policy: Unpack[PolicyOptions]
    ) -> JobDecorator: ...

    def job(
        self, work: Any = None, /, *, name: str | None = None, aliases: Iterable[str] = (), **policy: Any
    ) -> Any:
        """Make a function a job of this queue: ``@queue.job`` or ``@queue.job(routes=["foo"], retries=3)``.

        Above a class that inherits JobMixin, it makes this the queue of the class's objects. The rules are
        those of ``policy.Policy``; PolicyError names one that is wrong. ``name`` is what its firings are stored under
        instead of the place of the function, so that it may move; ``aliases`` are names it had before. Raises NotAJobError, with the way out,
        for what no worker would find by its name, and DuplicateJobError for a name that the module has given
        to another job.
        """
        declare = JobDecorator(self, policy, name, aliases)
        return declare if work is None else declare(work)

    def __iadd__(self, job: Conjoinable) -> SkunkQueue:  # noqa: PYI034 - Self is not in Python 3.10
        """Fire a job, call or chain as soon as possible, and make this its queue."""
        fireable = as_fireable(job)
        fireable.memory.queue = self
        self.fire_call(fireable)
        return self

    @overload
    def fire_call(
        self, call: Fireable[R], when: When | None = None, *, transaction: object = None
    ) -> JobHandle[R]: ...
    @overload
    def fire_call(
        self, call: Conjoinable, when: When | None = None, *, transaction: object = None
    ) -> JobHandle[Any]: ...

    def fire_call(
        self, call: Conjoinable, when: When | None = None, *, transaction: object = None
    ) -> JobHandle[Any]:
        """Enqueue one job, call or chain, once on each of its routes; return the handle of the first, with all copies.

        ``when``: a moment (aware datetime) or a delay (timedelta, seconds); ``None`` is as soon as possible.
        What has no queue yet has this one from now on.

        ``transaction``: a transaction of yours on the store's own server, such as FoundationDB's; the firing is in if you
        commit it, and otherwise not. Raises BackendError where the store cannot do that.
        """
        if not isinstance(call, Fireable):
            call = as_fireable(call)
        if call.memory.queue is None:
            call.memory.queue = self
        if suppress_firing():
            return JobHandle("", None, None)
        firings = self._firings(call, self._places(call.policy, when))
        ids = self._put(firings, transaction)
        call.memory.ids.extend(ids)
        # Another id is that of an earlier firing with the same key, which may be of any job.
        serializers = call.serializers() if ids == [firing.id for firing in firings] else None
        return JobHandle(ids[0], self, default_gate(), tuple(ids[1:]), serializers)

    @overload
    def fire_many(
        self, calls: Iterable[Fireable[R]], when: When | None = None, *, transaction: object = None
    ) -> list[JobHandle[R]]: ...
    @overload
    def fire_many(
        self, calls: Iterable[Conjoinable], when: When | None = None, *, transaction: object = None
    ) -> list[JobHandle[Any]]: ...

    def fire_many(
        self, calls: Iterable[Conjoinable], when: When | None = None, *, transaction: object = None
    ) -> list[JobHandle[Any]]:
        """Enqueue many calls, a thousand in one step; return a handle for each.

        ``queue.fire_many(add(i, i) for i in range(10_000))``. What raises leaves the thousands before
        it enqueued, and of its own thousand nothing. ``transaction``: as for ``fire_call``; then all are in, or none.
        """
        if suppress_firing():
            return [JobHandle("", None, None) for _ in calls]
        handles: list[JobHandle[Any]] = []
        remaining = iter(calls)
        while batch := list(itertools.islice(remaining, _BULK)):
            self._fire_batch(batch, when, handles, transaction)
        return handles

    def _put(self, firings: list[Firing], transaction: object) -> list[str]:
        if transaction is not None:
            # Nobody here learns whether it is committed, so nobody is told.
            return self.backend.enqueue_in(transaction, firings)
        ids = self.backend.enqueue(firings)
        _tell(firings, ids)
        return ids

    def _fire_batch(
        self,
        calls: list[Conjoinable],
        when: When | None,
        handles: list[JobHandle[Any]],
        transaction: object,
    ) -> None:
        policy: Policy | None = None
        name = label = ""
        keyed = False
        serializers: tuple[str, ...] = ()
        firings: list[Firing] = []
        memories: list[Memory] = []
        sizes: list[int] = []
        written: list[tuple[str, ...]] = []
        most = self._most()
        for one in calls:
            call = one if type(one) is Call else as_fireable(one)
            # Most of a batch share one policy, so what follows from it is worked out once.
            if call.policy is not policy:
                policy = call.policy
                places = self._places(policy, when)
                keyed = keyed or places.keyed
                alike = len(places.each) == 1 and not places.keyed and not places.tagged
                place = places.each[0] if alike else None
                serializers = call.serializers()
            if place is not None:
                if call.name is not name:
                    name, label = call.name, job_label(call.name)
                firings.append(Firing(id=new_id(), body=self._body(call, most=most), job=label, **place))
                memories.append(call.memory)
                sizes.append(1)
                written.append(serializers)
            else:
                made = self._firings(call, places)
                firings += made
                memories.append(call.memory)
                sizes.append(len(made))
                written.append(call.serializers())
        ids = self._put(firings, transaction)
        gate, start = default_gate(), 0
        # Another id is that of an earlier firing with the same key, which may be of any job.
        all_own = not keyed or ids == [firing.id for firing in firings]
        for memory, size, known in zip(memories, sizes, written):  # noqa: B905 - of one length, and a check costs
            if memory.queue is None:
                memory.queue = self
            first = ids[start]
            if size == 1:
                memory.ids.append(first)
                how = known if all_own or first == firings[start].id else None
                handles.append(JobHandle(first, self, gate, (), how))
                start += 1
                continue
            end = start + size
            memory.ids.extend(ids[start:end])
            how = known if all_own or ids[start:end] == [one.id for one in firings[start:end]] else None
            handles.append(JobHandle(first, self, gate, tuple(ids[start + 1 : end]), how))
            start = end

    def handle(self, firing_id: str) -> JobHandle[Any]:
        """Return a handle for a firing made elsewhere, by its id; whether it exists is seen when it is asked.

        Raises WrongTypeError for what is no string.
        """
        if not isinstance(firing_id, str):
            msg = f"queue.handle({brief(firing_id)}): give the firing's id, a string such as handle.id, not {type(firing_id).__name__}"
            raise WrongTypeError(msg)
        return JobHandle(firing_id, self, default_gate())

    @overload
    def results(
        self,
        handles: Iterable[JobHandle[R]],
        timeout: Seconds | None = None,
        *,
        errors: Literal[False] = False,
    ) -> list[R]: ...
    @overload
    def results(
        self, handles: Iterable[JobHandle[R]], timeout: Seconds | None = None, *, errors: bool
    ) -> list[R | SkunkQueueError]: ...

    def results(
        self, handles: Iterable[JobHandle[R]], timeout: Seconds | None = None, *, errors: bool = False
    ) -> list[Any]:
        """Wait until all of these are finished, and return their results in order.

        ``queue.results(queue.fire_many(add(i, i) for i in range(10_000)))``; much faster than asking one
        handle after the other. Raises FiringFailedError as soon as it comes to one that has failed,
        UnknownFiringError for one that is gone, and PayloadError for a result that cannot be read; with
        ``errors`` that error takes the place of the result instead. Raises WaitTimeoutError after
        ``timeout`` (seconds or a timedelta).
        """
        return gather(self.backend, list(handles), default_gate(), timeout, errors=errors)

    @overload
    def gather(self, one: JobHandle[A], /, *, timeout: Seconds | None = None) -> tuple[A]: ...
    @overload
    def gather(
        self, one: JobHandle[A], two: JobHandle[B], /, *, timeout: Seconds | None = None
    ) -> tuple[A, B]: ...
    @overload
    def gather(
        self, one: JobHandle[A], two: JobHandle[B], three: JobHandle[D], /, *, timeout: Seconds | None = None
    ) -> tuple[A, B, D]: ...
    @overload
    def gather(
        self,
        one: JobHandle[A],
        two: JobHandle[B],
        three: JobHandle[D],
        four: JobHandle[E],
        /,
        *,
        timeout: Seconds | None = None,
    ) -> tuple[A, B, D, E]: ...
    @overload
    def gather(self, *handles: JobHandle[Any], timeout: Seconds | None = None) -> tuple[Any, ...]: ...

    def gather(self, *handles: JobHandle[Any], timeout: Seconds | None = None) -> tuple[Any, ...]:
        """Wait for handles of several types: ``number, text = queue.gather(add.fire(4, 5), greet.fire("Jed"))``.

        The same as ``results``, with the type of each.
        """
        return tuple(self.results(handles, timeout))

    def _gate(self) -> Gate:
        return default_gate()

    def declare(self, name: str, job: Conjoinable, *, strategy: str, params: bytes = b"") -> bool:
        """Declare a schedule: a job that refires itself when its strategy says.

        Declaring the very same again does nothing and returns False; a changed one replaces the old, and
        goes on in its rhythm where the strategy is the same. Where the strategy gives no time at all (all
        is over), nothing is declared and an old one is removed. Raises PolicyError for a job that is
        fired on several routes or broadcast, and PluginError where the strategy is not installed.
        """
        check_name("schedule", name)
        if suppress_firing():
            return False
        call = as_fireable(job)
        policy = call.policy
        body = self._body(call, name, strategy, check_scheduled(name, policy))
        said = Schedule(
            queue=self.name,
            name=name,
            route=policy.routes[0],
            strategy=strategy,
            params=params,
            state=b"",
            body=body,
            priority=policy.priority,
        )
        changed, enqueued = timetable.declare(self.backend, said)
        if enqueued is not None:
            _tell([enqueued], [enqueued.id])
        return changed

    def settled_last(self, ids: Iterable[str]) -> JobHandle[Any] | None:
        """Find, among these firings, the one that settled last; until one has, the newest."""
        asked = list(ids)[-MAX_PAGE:]
        known = [record for record in self.backend.get(asked) if record is not None]
        if not known:
            return None

        def rank(record: Record) -> tuple[bool, float, str]:
            finished = record.finished
            return (finished is not None, finished or 0.0, record.id)

        return JobHandle(max(known, key=rank).id, self, default_gate())

    def _body(
        self,
        call: Fireable[Any],
        schedule: str | None = None,
        strategy: str | None = None,
        expires_in: float | None = None,
        *,
        most: int | None = None,
    ) -> bytes:
        tags = () if schedule is None else call.tags()
        body = encode(Body(call.steps(), call.policy.result_ttl, schedule, expires_in, strategy, tags))
        if len(body) > (self._most() if most is None else most):
            raise self._too_large(call.name, len(body))
        return body

    def _most(self) -> int:
        """Return how many bytes a body may have."""
        most = self.backend.max_payload
        return self.max_payload if most is None else min(self.max_payload, most)

    def _too_large(self, name: str, size: int) -> PayloadTooLargeError:
        if size > self.max_payload:
            return PayloadTooLargeError(
                f"a firing of {name} has {size} bytes: at most {self.max_payload} are allowed. "
                f"Store the data elsewhere and give its id, or set max_payload on the queue"
            )
        return PayloadTooLargeError(
            f"a firing of {name} has {size} bytes: the store {self.backend.name} takes at most {self.backend.max_payload}. "
            f"Keep the data elsewhere and give its id"
        )

    def _places(self, policy: Policy, when: When | None) -> _Places:
        """Work out all that a policy says of firings but their bodies, keys and jobs."""
        rest: dict[str, Any] = {"queue": self.name, "priority": policy.priority}
        # What keeps its default is left out: a struct is made the faster the less is given.
        running = current.get()
        if running is not None:
            rest["parent"] = running.id
        tagged = callable(policy.tags)
        if policy.tags and not tagged:
            rest["tags"] = policy.tags
        if when is not None:
            rest["due"], rest["delay"] = moment(when, "fire_at")
        if policy.expires is not None:
            expires, expires_in = moment(policy.expires, "expires")
            rest |= {"expires_in": expires_in} if expires is None else {"expires": expires}
        if policy.queue_type == "broadcast":
            each = [
                {**rest, "route": route, "target": worker} for route, worker in self._listeners(policy.routes)
            ]
        else:
            each = [{**rest, "route": route} for route in policy.routes]
        return _Places(each, policy.idempotency_key is not None, tagged)

    def _firings(self, call: Fireable[Any], places: _Places) -> list[Firing]:
        if len(places.each) == 1 and not places.keyed and not places.tagged:
            return [Firing(id=new_id(), body=self._body(call), job=job_label(call.name), **places.each[0])]
        shared: dict[str, Any] = {"body": self._body(call), "job": job_label(call.name)}
        if places.tagged:
            shared["tags"] = call.tags()
        if not places.keyed:
            return [Firing(id=new_id(), **shared, **place) for place in places.each]
        key = self._key(call)
        if len(places.each) == 1:
            return [Firing(id=new_id(), key=key, **shared, **places.each[0])]
        # Copies of one firing are different firings, so each needs a key of its own.
        return [
            Firing(
                id=new_id(),
                key=check_name("idempotency key", f"{key}@{place.get('target') or place['route']}"),
                **shared,
                **place,
            )
            for place in places.each
        ]

    def _key(self, call: Fireable[Any]) -> str:
        return check_name("idempotency key", call.key())

    def _listeners(self, routes: tuple[str, ...]) -> list[tuple[str, str]]:
        found = [(route, worker.id) for route in routes for worker in self.backend.workers(self.name, route)]
        if not found:
            msg = (
                f"a broadcast on {', '.join(routes)} of queue {self.name!r} reaches nobody: no worker listens there. "
                f"Start one with `skunq work -q {self.name} -r {' '.join(routes)}`"
            )
            raise NobodyListensError(msg)
        return found


class _Places(NamedTuple):
    """What a policy says of firings but their bodies, keys and jobs."""

    each: list[dict[str, Any]]
    """The fields of one firing each: one a route, or one a worker of a broadcast."""
    keyed: bool
    tagged: bool
    """Its tags are made of the arguments."""


def _store_meant(
    backend: str | None,
    conn_url: str | os.PathLike[str] | None,
    dbname: str | None,
    options: dict[str, Any],
) -> Callable[[], BackendConfig]:
    """Return what works out the store of a queue. Raises ConfigError for arguments that make no sense."""
    if backend is None and conn_url is None:
        return functools.partial(resolve, None, None, dbname, **options)
    # The environment has no say in it, so a mistake is told where it was made.
    config = resolve(backend, conn_url, dbname, **options)
    return lambda: config


def _tell(firings: list[Firing], ids: list[str]) -> None:
    notifier = default_notifier()
    if notifier.wants("skunkqueue_firing_enqueued"):
        # Another id is that of an earlier firing with the same key.
        made = [firing for firing, accepted in zip(firings, ids, strict=True) if firing.id == accepted]
        notifier.tell_each("skunkqueue_firing_enqueued", "firing", made)


@functools.cache
def default_gate() -> Gate:
    """Return the gate through which a producer finds the classes of results: its own code only."""
    import sys  # noqa: PLC0415 - only needed once

    return Gate([sys.path[0]] if sys.path and sys.path[0] else [])

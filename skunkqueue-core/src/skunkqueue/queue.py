"""``SkunkQueue``: declares jobs, fires them, and finds firings again. Producers use this object."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar, overload

from skunkqueue import schedule_control
from skunkqueue.application import Registration
from skunkqueue.async_queue import AsyncQueue
from skunkqueue.call import Conjoinable
from skunkqueue.clock import SYSTEM_CLOCK, Clock
from skunkqueue.config import check_options, resolve
from skunkqueue.decorator import JobDecorator
from skunkqueue.errors import (
    ConfigError,
    NameInvalidError,
    SkunkQueueError,
    WrongTypeError,
)
from skunkqueue.handle import JobHandle
from skunkqueue.imports import default_gate, suppress_firing
from skunkqueue.job import Job, as_fireable
from skunkqueue.mixin import JobMixin
from skunkqueue.names import check_name
from skunkqueue.opening import StoreOpening
from skunkqueue.payload import MAX_PAYLOAD
from skunkqueue.persistence.backend import Backend, BackendConfig
from skunkqueue.policy import Policy, PolicyOptions, change_policy, check_scheduled
from skunkqueue.producing import tell_enqueued
from skunkqueue.records import Schedule
from skunkqueue.results import gather, handles_in
from skunkqueue.show import brief
from skunkqueue.times import Seconds

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
    BackendError where the handler has interrupted the opening of the store.
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
        """Close the store; the next use works out anew which it is, and opens it."""
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
        """Fire a job, call or chain as soon as possible, and make this its queue, unless ``@queue.job`` declared it a function of another."""
        fireable = as_fireable(job)
        self.fire_call(fireable)
        # Later firings of a function go where it was declared, whoever else has fired it once.
        if not fireable.memory.is_declared:
            fireable.memory.queue = self
        return self

    def handle(self, firing_id: str) -> JobHandle[Any]:
        """Return a handle for a firing made elsewhere, by its id; whether it exists is seen when it is asked.

        Raises WrongTypeError for what is not a string, and NameInvalidError for an empty one.
        """
        if not isinstance(firing_id, str):
            msg = f"queue.handle({brief(firing_id)}): give the firing's id, a string such as handle.id, not {type(firing_id).__name__}"
            raise WrongTypeError(msg)
        if not firing_id:
            msg = "queue.handle(''): give the firing's id, as handle.id; an empty one belongs to no firing"
            raise NameInvalidError(msg)
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
        return gather(self.backend, handles_in(handles), default_gate(), timeout, errors=errors)

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
        changed, enqueued = schedule_control.declare(self.backend, said)
        if enqueued is not None:
            tell_enqueued([enqueued], [enqueued.id])
        return changed


def _store_meant(
    backend: str | None,
    conn_url: str | os.PathLike[str] | None,
    dbname: str | None,
    options: dict[str, Any],
) -> Callable[[], BackendConfig]:
    """Return what works out the store of a queue. Raises ConfigError for arguments that make no sense."""
    check_options(options)
    if backend is None and conn_url is None:
        return functools.partial(resolve, None, None, dbname, **options)
    # The environment plays no part in it, so a mistake raises here, where it was made.
    config = resolve(backend, conn_url, dbname, **options)
    return lambda: config

"""Classes as jobs: ``JobMixin``, whose objects are fired. Knows neither stores nor functions as jobs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from types import FunctionType
from typing import TYPE_CHECKING, Any, Concatenate, Literal, NoReturn, ParamSpec, Protocol, TypeVar, overload

from skunkqueue.backoff import BackoffRule
from skunkqueue.call import Call, Chain, Conjoinable, conjoin
from skunkqueue.checks import Target, check_alone, check_returns, job_name
from skunkqueue.errors import NameInvalidError, NotAJobError, SkunkQueueError
from skunkqueue.fireable import Enqueuer, Memory
from skunkqueue.handle import JobHandle
from skunkqueue.job_names import register
from skunkqueue.policy import POLICY_FIELDS, Policy, PolicyOptions, change_policy, check_own
from skunkqueue.records import State
from skunkqueue.show import brief
from skunkqueue.times import When

if TYPE_CHECKING:
    from datetime import timedelta
    from typing import TypeGuard  # in typing from Python 3.11 on

    from typing_extensions import Self, Unpack

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

_MEMORY = "_skunkqueue_memory"
_POLICY = "_skunkqueue_policy"
_QUEUE = "_skunkqueue_queue"
_TARGET = "_skunkqueue_target"
_NAME = "_skunkqueue_name"
_NOT_OWN = frozenset({_MEMORY, "__orig_class__"})
"""Attributes that do not travel; the second is what ``Report[int](...)`` sets on an object of a generic class."""
_DEFAULT = Policy()


class Works(Protocol[P, R_co]):
    """For type checkers: an object with this ``work``."""

    def work(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Do it."""


class WorksAsync(Protocol[P, R_co]):
    """For type checkers: an object whose ``work`` is async."""

    def work(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R_co]:
        """Do it."""


class JobMixin:
    """Inherit it, write ``work``, and the class is a job.

    ``@queue.job`` above the class makes that the queue of its objects, so that ``Report("Sales").fire(2025)``
    fires. Without it, an object belongs to the queue it was first added to: ``queue += report``.

    Rules are class attributes (``retries = 3``, ``routes = ["foo"]``), and all but those for failures
    (``backoff``, ``retry_on``, ``give_up_on``) may be set on an object too: every attribute of that name is
    a rule. The attributes of the object, these included, travel with it and are there again when ``work``
    runs, without ``__init__`` being called a second time.
    """

    work: Callable[..., Any]
    """Write this method; it may be ``async``."""

    # The rules, for type checkers: `job.routes = ["foo"]`. They have no value here, so that a class says
    # only what it changes.
    routes: Iterable[str]
    retries: int
    backoff: BackoffRule
    retry_on: type[BaseException] | Sequence[type[BaseException]]
    give_up_on: type[BaseException] | Sequence[type[BaseException]]
    timeout: float | timedelta | None
    priority: int
    expires: When | None
    idempotency_key: str | Callable[..., str] | None
    result_ttl: float | timedelta | None
    queue_type: Literal["default", "broadcast"]
    serializer: str
    tags: str | Iterable[str] | Callable[..., str | Iterable[str]]

    def __init__(self) -> None:
        memory_of(self)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        work = vars(cls).get("work")
        if isinstance(work, FunctionType):
            check_returns(work)
            if "<" not in cls.__qualname__:
                check_alone(f"{cls.__module__}:{cls.__qualname__}", cls, work)
        _register(cls)

    @overload
    def __call__(self: WorksAsync[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Call[R]: ...
    @overload
    def __call__(self: Works[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Call[R]: ...

    def __call__(self, /, *args: Any, **kwargs: Any) -> Call[Any]:
        """Give it its arguments; nothing is fired."""
        return _call_of(self, args, kwargs)

    def __and__(self, other: Conjoinable) -> Chain:
        return conjoin(self, other)

    @property
    def state(self) -> State | None:
        """State of the firing, of those made through this object, that settled last, or is the newest."""
        return _call_of(self).state

    @state.setter
    def state(self, _value: NoReturn) -> NoReturn:
        raise _taken(self, "state")

    @property
    def result(self) -> Any:
        """Result of the firing that ``state`` is about; ``None`` while it has none."""
        return _call_of(self).result

    @result.setter
    def result(self, _value: NoReturn) -> NoReturn:
        raise _taken(self, "result")

    @overload
    def fire(self: WorksAsync[P, R], /, *args: P.args, **kwargs: P.kwargs) -> JobHandle[R]: ...
    @overload
    def fire(self: Works[P, R], /, *args: P.args, **kwargs: P.kwargs) -> JobHandle[R]: ...

    def fire(self, /, *args: Any, **kwargs: Any) -> JobHandle[Any]:
        """Enqueue a run as soon as possible.

        Raises NoQueueError where the class is not marked with ``@queue.job``, and this object was never
        added to a queue.
        """
        call, transaction = _call_of(self, args, kwargs).apart()
        return call.fire(transaction=transaction)

    @overload
    def fire_at(self: WorksAsync[P, R], when: When, /, *args: P.args, **kwargs: P.kwargs) -> JobHandle[R]: ...
    @overload
    def fire_at(self: Works[P, R], when: When, /, *args: P.args, **kwargs: P.kwargs) -> JobHandle[R]: ...

    def fire_at(self, when: When, /, *args: Any, **kwargs: Any) -> JobHandle[Any]:
        """Enqueue a run for a moment (aware datetime) or after a delay (timedelta, seconds)."""
        call, transaction = _call_of(self, args, kwargs).apart()
        return call.fire_at(when, transaction=transaction)

    @overload
    def fire_async(
        self: WorksAsync[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, JobHandle[R]]: ...
    @overload
    def fire_async(
        self: Works[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, JobHandle[R]]: ...

    def fire_async(self, /, *args: Any, **kwargs: Any) -> Coroutine[Any, Any, JobHandle[Any]]:
        """Enqueue a run like ``fire``, without blocking the event loop."""
        return _call_of(self, args, kwargs).fire_async()

    @overload
    def fire_at_async(
        self: WorksAsync[P, R], when: When, /, *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, JobHandle[R]]: ...
    @overload
    def fire_at_async(
        self: Works[P, R], when: When, /, *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, JobHandle[R]]: ...

    def fire_at_async(self, when: When, /, *args: Any, **kwargs: Any) -> Coroutine[Any, Any, JobHandle[Any]]:
        """Enqueue a run like ``fire_at``, without blocking the event loop."""
        return _call_of(self, args, kwargs).fire_at_async(when)

    def options(self, **policy: Unpack[PolicyOptions]) -> Self:
        """Return a copy of the object with other rules (``priority=9``, ``expires=60``, ...)."""
        kind = type(self)
        check_own(own_name(kind), policy)
        change_policy(class_policy(kind), policy)
        made = kind.__new__(kind)
        vars(made).update({**vars(self), _MEMORY: memory_of(self), **policy})
        return made

    @overload
    def with_previous(
        self: WorksAsync[Concatenate[Any, P], R], /, *args: P.args, **kwargs: P.kwargs
    ) -> Call[R]: ...
    @overload
    def with_previous(
        self: Works[Concatenate[Any, P], R], /, *args: P.args, **kwargs: P.kwargs
    ) -> Call[R]: ...

    def with_previous(self, /, *args: Any, **kwargs: Any) -> Call[Any]:
        """Return a call for a chain, with the result of the step before it as its first argument, before these."""
        return _call_of(self, args, kwargs).with_previous()

    def calls(self) -> tuple[Call[Any], ...]:
        """Stand for a call without arguments."""
        return (_call_of(self),)


def _register(kind: type[JobMixin]) -> None:
    """Record where a class lies that is a job, also without ``@queue.job``: no alias of another job may be that place."""
    if not hasattr(kind, "work"):
        return
    try:
        place = job_name(kind)
    except (NotAJobError, NameInvalidError):
        # Such as within a function: an error once it is fired, and not before.
        return
    register(kind, place, ())


def own_name(kind: type[JobMixin]) -> str:
    """Return the name that a class was given as a job, or where it lies; subclasses do not have their parent's."""
    name: str = vars(kind).get(_NAME) or job_name(kind)
    return name


def bind(kind: type[JobMixin], queue: Enqueuer, rules: Mapping[str, Any], name: str | None = None) -> None:
    """Make a queue the one of a class's objects, and set rules of the class as its body would; and its name."""
    if kind is JobMixin:
        msg = "JobMixin itself is not a job: inherit it, and write what the job does in a method `work`"
        raise NotAJobError(msg)
    job_name(kind)
    for rule, value in rules.items():
        setattr(kind, rule, value)
    setattr(kind, _QUEUE, queue)
    setattr(kind, _NAME, name)
    setattr(kind, _POLICY, _read_policy(kind))


def memory_of(job: JobMixin) -> Memory:
    """Return the memory of a mixin's object, which is made at first need.

    It sits in one attribute with a long name, since all others are the user's own.
    """
    memory: Memory | None = vars(job).get(_MEMORY)
    if memory is None:
        memory = vars(job)[_MEMORY] = Memory(getattr(type(job), _QUEUE, None))
    return memory


def queue_of(kind: type[JobMixin]) -> Enqueuer | None:
    """Return the queue that ``@queue.job`` gave a class, if any."""
    queue: Enqueuer | None = getattr(kind, _QUEUE, None)
    return queue


def _taken(job: JobMixin, name: str) -> AttributeError:
    return AttributeError(
        f"an object of {type(job).__qualname__} cannot have an attribute {name!r} of its own, since JobMixin has a"
        f" property of that name, which is about the object's firings: give your attribute another name"
    )


def _not_an_object(given: object) -> NotAJobError:
    """Make the error for ``Report.fire(2025)``, where 2025 stands in the place of the object."""
    name = given.__qualname__ if is_class_job(given) else "Report"
    such = "" if is_class_job(given) else "such as "
    return NotAJobError(
        f"{brief(given)} is not an object of a class that is a job, and only those are fired:"
        f" make an object first, {such}{name}(...).fire(...)"
    )


def _call_of(job: JobMixin, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> Call[Any]:
    kind = type(job)
    if not issubclass(kind, JobMixin):
        raise _not_an_object(job)
    policy, target = class_policy(kind), _target_of(kind)
    attrs = {key: value for key, value in vars(job).items() if key not in _NOT_OWN}
    if not POLICY_FIELDS.isdisjoint(attrs):
        policy = _own_policy(target.name, policy, attrs)
    if "work" in attrs:
        msg = f"an object of {target.name} has an attribute `work`, which hides the method: rename it"
        raise NotAJobError(msg)
    return Call(
        target.name, policy, memory_of(job), args=args, kwargs=kwargs, attrs=attrs or None, target=target
    )


def _own_policy(name: str, policy: Policy, attrs: dict[str, Any]) -> Policy:
    """Return the rules of one object; remove from ``attrs`` what cannot travel."""
    own = {key: value for key, value in attrs.items() if key in POLICY_FIELDS}
    check_own(name, own)
    try:
        policy = change_policy(policy, own)
    except SkunkQueueError as error:
        msg = f"{error}. On an object of {name}, an attribute of that name is a rule: rename one that is your own"
        raise type(error)(msg) from error
    for key, value in own.items():
        if callable(value):
            del attrs[key]
    if "routes" in own:
        attrs["routes"] = list(policy.routes)
    if "tags" in own and not callable(policy.tags):
        attrs["tags"] = list(policy.tags)
    return policy


def is_class_job(found: object) -> TypeGuard[type[JobMixin]]:
    """Return whether something is a class that is a job."""
    return isinstance(found, type) and issubclass(found, JobMixin) and found is not JobMixin


def _target_of(kind: type[JobMixin]) -> Target:
    known: Target | None = vars(kind).get(_TARGET)
    if known is None:
        work = inspect.getattr_static(kind, "work", None)
        bound = not isinstance(work, staticmethod)
        function = work.__func__ if isinstance(work, (staticmethod, classmethod)) else work
        known = Target(
            job_name(kind),
            kind,
            function,
            bound=bound,
            is_job=is_class_job,
            own_name=vars(kind).get(_NAME),
        )
        setattr(kind, _TARGET, known)
    return known


def class_policy(kind: type[JobMixin]) -> Policy:
    """Return the rules of a class, read once and kept on it; a subclass may change them, so it has its own."""
    known = vars(kind).get(_POLICY)
    if known is None:
        known = _read_policy(kind)
        setattr(kind, _POLICY, known)
    policy: Policy = known
    return policy


def _read_policy(kind: type[JobMixin]) -> Policy:
    if not callable(getattr(kind, "work", None)):
        msg = f"{kind.__qualname__} has no method `work`: write what the job does in it"
        raise NotAJobError(msg)
    check_returns(inspect.getattr_static(kind, "work"))
    if any(vars(parent).get("__slots__") for parent in kind.__mro__):
        msg = f"{kind.__qualname__} has __slots__, whose values would not travel with the job: leave them out"
        raise NotAJobError(msg)
    found = {}
    for field in POLICY_FIELDS:
        for parent in kind.__mro__:
            # A plain lookup would bind functions given as backoff or idempotency_key to the class.
            if field in vars(parent):
                value = vars(parent)[field]
                found[field] = value.__func__ if isinstance(value, staticmethod) else value
                break
    queue = queue_of(kind)
    try:
        return change_policy(_DEFAULT if queue is None else queue.policy, found)
    except SkunkQueueError as error:
        msg = (
            f"{error}. In the class {kind.__qualname__}, an attribute of that name is a rule: "
            f"rename one that is your own"
        )
        raise type(error)(msg) from error

"""Functions as jobs (``Job``), and how a worker sees a function or a class (``Declaration``).

Knows nothing of stores and workers.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar

from skunkqueue.call import Call, Chain, Conjoinable, conjoin
from skunkqueue.checks import Target, check_function, check_no_method, job_name
from skunkqueue.errors import DamagedPayloadError, NotAJobError
from skunkqueue.fireable import Enqueuer, Fireable, Memory, Remembering
from skunkqueue.handle import JobHandle
from skunkqueue.mixin import JobMixin, class_policy, is_class_job, own_name
from skunkqueue.policy import Policy, PolicyOptions, change_policy, check_own
from skunkqueue.show import brief
from skunkqueue.times import When

if TYPE_CHECKING:
    from typing_extensions import Unpack  # in typing from Python 3.11 on

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")


class Job(Remembering[R], Generic[P, R]):
    """A function that is a job, made by ``@queue.job``.

    Calling it does not run it, but gives it its arguments: ``queue += add(4, 5)``. ``work`` runs it in this process.
    """

    def __init__(
        self,
        work: Callable[P, Any],
        policy: Policy,
        memory: Memory,
        target: Target | None = None,
        name: str | None = None,
    ) -> None:
        if target is None:
            if isinstance(work, Job):
                msg = f"{work!r} is a job already: declare it once, and use its options(...) for other rules"
                raise NotAJobError(msg)
            if isinstance(work, staticmethod):
                work = work.__func__
            else:
                check_no_method(work)
            check_function(work)
            target = Target(
                job_name(work),
                work,
                work,
                bound=False,
                is_job=lambda found: isinstance(found, Job),
                own_name=name,
            )
        # What a decorator has set on the function, such as a count of its `calls`, must not hide a method of Job.
        given = getattr(work, "__dict__", {})
        vars(self).update({name: value for name, value in given.items() if not hasattr(Job, name)})
        functools.update_wrapper(self, work, updated=())
        self.work: Callable[P, Any] = work
        """The function itself."""
        self.policy = policy
        self.memory = memory
        self.target = target
        self.name = target.name

    def __repr__(self) -> str:
        return f"<Job {self.name}>"

    # The slashes leave every name to the job's own parameters, also `self` and `when`.
    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> Call[R]:
        """Give it its arguments; nothing is fired."""
        # By position: a call with names takes a third longer.
        return Call(self.name, self.policy, self.memory, args, kwargs, None, self.target)

    def __and__(self, other: Conjoinable) -> Chain:
        return conjoin(self, other)

    def fire(self, /, *args: P.args, **kwargs: P.kwargs) -> JobHandle[R]:
        """Enqueue a run with these arguments as soon as possible.

        ``transaction=`` among them, unless the job takes an argument of this name, is one of yours: see
        ``SkunkQueue.fire_call``. Type checkers accept it in ``add(4, 5).fire(transaction=tr)`` only.
        """
        call, transaction = self(*args, **kwargs).apart()
        return call.fire(transaction=transaction)

    def fire_at(self, when: When, /, *args: P.args, **kwargs: P.kwargs) -> JobHandle[R]:
        """Enqueue a run for a moment (aware datetime) or after a delay (timedelta, seconds).

        Raises NaiveDatetimeError for a datetime without a time zone.
        """
        call, transaction = self(*args, **kwargs).apart()
        return call.fire_at(when, transaction=transaction)

    def fire_async(self, /, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, JobHandle[R]]:
        """Enqueue a run like ``fire``, without blocking the event loop: ``handle = await add.fire_async(4, 5)``.

        Raises SkunkQueueError where no event loop runs.
        """
        return self(*args, **kwargs).fire_async()

    def fire_at_async(
        self, when: When, /, *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, JobHandle[R]]:
        """Enqueue a run like ``fire_at``, without blocking the event loop."""
        return self(*args, **kwargs).fire_at_async(when)

    def options(self, **policy: Unpack[PolicyOptions]) -> Job[P, R]:
        """Return the same job with other rules (``retries=3``, ``priority=9``, ...)."""
        check_own(self.name, policy)
        return Job(self.work, change_policy(self.policy, policy), self.memory, self.target)

    def with_previous(self: Job[Concatenate[Any, Q], R], /, *args: Q.args, **kwargs: Q.kwargs) -> Call[R]:
        """Return a call for a chain, with the result of the step before it as its first argument.

        ``fetch(url) & index.with_previous("weekly")``: ``index`` is called with what ``fetch`` returned, and then
        ``"weekly"``. ArgumentsError where it is fired without a step before it.
        """
        return Call(self.name, self.policy, self.memory, args, kwargs, None, self.target, previous=True)

    def calls(self) -> tuple[Call[Any], ...]:
        """Stand for a call without arguments."""
        return (Call(self.name, self.policy, self.memory, target=self.target),)


@dataclass(frozen=True)
class Declaration:
    """A job as a worker sees it."""

    name: str
    policy: Policy
    is_async: bool
    call: Callable[[list[Any], dict[str, Any], dict[str, Any] | None], Any]
    """Run it with positional and keyword arguments, and the attributes of the object (classes only)."""


def declaration(found: object) -> Declaration | None:
    """Return how to run what a firing names; ``None`` where that is not a job."""
    if isinstance(found, Job):
        work = found.work

        def call(args: list[Any], kwargs: dict[str, Any], _attrs: dict[str, Any] | None) -> Any:
            return work(*args, **kwargs)

        return Declaration(found.name, found.policy, inspect.iscoroutinefunction(work), call)
    if is_class_job(found):
        kind = found

        def make(args: list[Any], kwargs: dict[str, Any], attrs: dict[str, Any] | None) -> Any:
            made = kind.__new__(kind)
            if attrs:
                if "work" in attrs:
                    # It would be called instead of the method that the class declares.
                    msg = (
                        f"a firing of {own_name(kind)} brings an attribute `work`: it is damaged or not ours"
                    )
                    raise DamagedPayloadError(msg)
                vars(made).update(attrs)
            return made.work(*args, **kwargs)

        return Declaration(own_name(kind), class_policy(kind), inspect.iscoroutinefunction(kind.work), make)
    return None


def as_fireable(thing: object) -> Fireable[Any]:
    """Turn what is added to a queue into what can be enqueued; NotAJobError for anything else."""
    if isinstance(thing, Fireable):
        return thing
    if isinstance(thing, Job):
        return thing.calls()[0]
    if isinstance(thing, JobMixin):
        # Of the class: an object's attributes are the user's own.
        return type(thing).calls(thing)[0]
    hint = ""
    if isinstance(thing, type):
        hint = "; make an object of the class first"
    elif inspect.isroutine(thing):
        hint = "; mark the function with @queue.job first"
    msg = f"{brief(thing)} of type {type(thing).__name__} is not a job, call or chain, and cannot be fired{hint}"
    raise NotAJobError(msg)


__all__ = [
    "Declaration",
    "Enqueuer",
    "Job",
    "JobMixin",
    "as_fireable",
    "declaration",
    "job_name",
]

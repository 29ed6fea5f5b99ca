"""What ``@queue.job(...)`` returns: makes one function a job, or a class's objects those of the queue."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from typing import Any, ParamSpec, TypeVar, overload

from skunkqueue.checks import check_alone, check_is_own, job_name
from skunkqueue.fireable import Enqueuer, Memory
from skunkqueue.job import Job
from skunkqueue.job_names import check_aliases, check_own_name, register
from skunkqueue.mixin import JobMixin, bind
from skunkqueue.policy import change_policy

P = ParamSpec("P")
R = TypeVar("R")
J = TypeVar("J", bound=JobMixin)


class JobDecorator:
    """What ``@queue.job(...)`` returns; makes jobs of the functions and classes it is called with."""

    __slots__ = ("_aliases", "_name", "_policy", "_queue", "_rules")

    def __init__(
        self, queue: Enqueuer, rules: dict[str, Any], name: str | None = None, aliases: Iterable[str] = ()
    ) -> None:
        self._name = None if name is None else check_own_name(name)
        self._aliases = check_aliases(aliases)
        self._queue = queue
        self._rules = rules
        self._policy = change_policy(queue.policy, rules)

    @overload
    def __call__(self, work: type[J], /) -> type[J]: ...  # type: ignore[overload-overlap]  # as above
    @overload
    def __call__(self, work: Callable[P, Coroutine[Any, Any, R]], /) -> Job[P, R]: ...
    @overload
    def __call__(self, work: Callable[P, R], /) -> Job[P, R]: ...

    def __call__(self, work: Callable[..., Any], /) -> Any:
        """Make it a job; see ``SkunkQueue.job`` for what is raised."""
        if isinstance(work, type) and issubclass(work, JobMixin):
            bind(work, self._queue, self._rules, self._name)
            self._register(work, job_name(work))
            return work
        job: Job[..., Any] = Job(work, self._policy, Memory(self._queue, is_declared=True), name=self._name)
        check_is_own(job.name, job.work)
        check_alone(job.name, job.work, job.work)
        self._register(job, job.target.at or job.name)
        return job

    def _register(self, job: object, at: str) -> None:
        own = () if self._name is None else (self._name,)
        register(job, at, (*own, *self._aliases))

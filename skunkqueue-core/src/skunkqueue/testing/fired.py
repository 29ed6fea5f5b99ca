"""What was fired, as tests see it; whether it is what they expected, and the text that says why it is not."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from skunkqueue.call import Call, Chain, Conjoinable
from skunkqueue.errors import NotAJobError
from skunkqueue.handle import JobHandle
from skunkqueue.imports import Gate, member
from skunkqueue.job import Job, as_fireable
from skunkqueue.mixin import JobMixin, is_class_job, own_name
from skunkqueue.payload import Step, decode_body
from skunkqueue.persistence.backend import Backend
from skunkqueue.serializers import get_serializer
from skunkqueue.show import brief, shown
from skunkqueue.testing.attempts import handle_of
from skunkqueue.testing.store import Enqueued

JobLike = Conjoinable | type[JobMixin]
"""A job, a class of jobs, an object of one, a call, or a chain."""
_LISTED = 20


@dataclass(frozen=True, kw_only=True)
class Fired:
    """One firing, or one job of a chain that was fired."""

    job: str
    """Its name."""
    args: tuple[Any, ...]
    """As the job gets them: written and read again."""
    kwargs: dict[str, Any]
    attributes: dict[str, Any]
    """Of the object, for a class that is a job."""
    previous: bool
    """It also gets the result of the step before it, as its first argument."""
    chain: tuple[str, ...]
    """The names of all jobs of the firing; one, where it is not a chain."""
    queue: str
    route: str
    due: datetime
    """When it may run, in UTC."""
    delay: timedelta
    """The same as a length of time, from the moment at which it was fired."""
    expires: datetime | None
    priority: int
    key: str | None
    """Its idempotency key."""
    tags: tuple[str, ...]
    handle: JobHandle[Any] = field(repr=False)

    def __str__(self) -> str:
        given = ["previous"] if self.previous else []
        given += [shown(value) for value in self.args]
        given += [f"{name}={shown(value)}" for name, value in self.kwargs.items()]
        own = ""
        if self.attributes:
            own = f" of an object with {', '.join(f'{name}={shown(value)}' for name, value in self.attributes.items())}"
        said = [f"queue {self.queue!r}", f"route {self.route!r}"]
        if self.delay:
            said.append(f"in {self.delay}")
        if len(self.chain) > 1:
            said.append(f"in the chain {' & '.join(self.chain)}")
        return f"{self.job}({', '.join(given)}){own}, {', '.join(said)}"


def fired_of(enqueued: Iterable[Enqueued], store: Backend, gate: Gate) -> list[list[Fired]]:
    """Describe what was enqueued: a list for each firing, of its jobs in order."""
    return [_jobs_of(one, store, gate) for one in enqueued]


def _jobs_of(enqueued: Enqueued, store: Backend, gate: Gate) -> list[Fired]:
    firing, at = enqueued
    steps = decode_body(firing.body).steps
    due = at + firing.delay if firing.due is None else firing.due
    expires = firing.expires
    if firing.expires_in is not None:
        expires = at + firing.expires_in
    found = []
    for step in steps:
        args, kwargs, attributes = _arguments(step, gate)
        found.append(
            Fired(
                job=step.job,
                args=tuple(args),
                kwargs=kwargs,
                attributes=attributes or {},
                previous=step.previous,
                chain=tuple(one.job for one in steps),
                queue=firing.queue,
                route=firing.route,
                due=_moment(due),
                delay=timedelta(seconds=max(0.0, due - at)),
                expires=None if expires is None else _moment(expires),
                priority=firing.priority,
                key=firing.key,
                tags=firing.tags,
                handle=handle_of(firing.id, store, gate),
            )
        )
    return found


def _arguments(step: Step, gate: Gate) -> tuple[list[Any], dict[str, Any], dict[str, Any] | None]:
    args, kwargs, attributes = get_serializer(step.serializer).loads(step.args, gate)
    return args, kwargs, attributes


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, timezone.utc)


# --- what a test looks for --------------------------------------------------------------------------


def matching(firings: Sequence[Sequence[Fired]], job: JobLike | None) -> list[Fired]:
    """Find what a test means. Raises NotAJobError for what is not a job, and ArgumentsError for a call that the job does not take."""
    if job is None:
        return [one for jobs in firings for one in jobs]
    if isinstance(job, Chain):
        calls = job.calls()
        for call in calls:
            _check(call)
        return [
            jobs[0]
            for jobs in firings
            if len(jobs) == len(calls)
            and all(_is_call(one, call) for one, call in zip(jobs, calls, strict=True))
        ]
    each = [one for jobs in firings for one in jobs]
    if isinstance(job, type):
        if not is_class_job(job):
            as_fireable(job)  # raises
        return [one for one in each if one.job == own_name(job)]
    if isinstance(job, Job):
        return [one for one in each if one.job == job.name]
    call = as_fireable(job).calls()[0]
    if isinstance(job, JobMixin):
        return [one for one in each if one.job == call.name and one.attributes == (call.attrs or {})]
    _check(call)
    return [one for one in each if _is_call(one, call)]


def _check(call: Call[Any]) -> None:
    """Raise ArgumentsError for arguments that the job does not take: no firing can have them."""
    call.check()


def _is_call(one: Fired, call: Call[Any]) -> bool:
    return (
        one.job == call.name
        and one.previous == call.previous
        and one.attributes == (call.attrs or {})
        and _bound(call, one.args, one.kwargs) == _bound(call, call.args, call.kwargs)
    )


def _bound(call: Call[Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Arrange arguments by their parameters, so that it does not matter how they were given."""
    plain = (list(args), dict(kwargs))
    place = call.target.at if call.target is not None and call.target.at else call.name
    module, _, qualname = place.partition(":")
    try:
        found = member(sys.modules[module], qualname)
        if isinstance(found, Job):
            signature = inspect.signature(found.work, follow_wrapped=False)
        elif is_class_job(found):
            signature = inspect.signature(found.__new__(found).work, follow_wrapped=False)
        else:
            return plain
        # What the step before returns counts as one argument.
        bound = signature.bind(*((None,) if call.previous else ()), *args, **kwargs)
    except (LookupError, TypeError, ValueError):
        return plain
    bound.apply_defaults()
    return list(bound.arguments.items())


# --- what is said ------------------------------------------------------------------------------------


def describe(job: JobLike) -> str:
    """Name what a test looks for."""
    if isinstance(job, type):
        return own_name(job)
    if isinstance(job, Job):
        return job.name
    try:
        calls = as_fireable(job).calls()
    except NotAJobError:
        return brief(job)
    if isinstance(job, JobMixin):
        return f"{calls[0].name} of this object ({_attributes(calls[0].attrs)})"
    return " & ".join(_described(call) for call in calls)


def _described(call: Call[Any]) -> str:
    given = [shown(value) for value in call.args]
    given += [f"{name}={shown(value)}" for name, value in call.kwargs.items()]
    own = f" of an object with {_attributes(call.attrs)}" if call.attrs else ""
    return f"{call.name}({', '.join(given)}){own}"


def _attributes(attrs: Mapping[str, Any] | None) -> str:
    return ", ".join(f"{name}={shown(value)}" for name, value in (attrs or {}).items()) or "no attributes"


def listing(firings: Sequence[Sequence[Fired]]) -> str:
    """List what was fired; where that is much, the last part."""
    each = [one for jobs in firings for one in jobs]
    if not each:
        return "Nothing was fired."
    left_out = len(each) - _LISTED
    lines = [f"  {one}" for one in each[-_LISTED:]]
    if left_out > 0:
        lines.insert(0, f"  ... {left_out} before these")
    return "\n".join([f"Fired ({len(each)}):", *lines])

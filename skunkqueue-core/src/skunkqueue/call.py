"""Jobs with their arguments, and chains of them: what a queue takes in, and how it becomes the steps of a firing."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec

from skunkqueue.checks import Target
from skunkqueue.errors import ArgumentsError, NotAJobError, PolicyError
from skunkqueue.fireable import Fireable, Memory
from skunkqueue.payload import BETWEEN_JOBS, Body, Step, encode
from skunkqueue.policy import Policy, PolicyOptions, change_policy, check_own, check_tags
from skunkqueue.serializers import get_serializer
from skunkqueue.show import brief, shown

if TYPE_CHECKING:
    from typing_extensions import Unpack  # in typing from Python 3.11 on

R = TypeVar("R")
T = TypeVar("T")

_STEPS_OWN = frozenset({"retries", "backoff", "retry_on", "give_up_on", "timeout", "serializer"})


class Call(Fireable[R]):
    """A job with its arguments."""

    __slots__ = ("args", "attrs", "kwargs", "previous", "target")

    def __init__(  # noqa: PLR0917 - a thousand are made at a time, and names cost a third
        self,
        name: str,
        policy: Policy,
        memory: Memory,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
        attrs: Mapping[str, Any] | None = None,
        target: Target | None = None,
        *,
        previous: bool = False,
    ) -> None:
        """``previous``: it takes the result of the step before it; see ``with_previous``."""
        self.previous = previous
        self.name = name
        self.policy = policy
        self.memory = memory
        self.args = args
        self.kwargs = kwargs or {}
        self.attrs = attrs
        self.target = target

    def __repr__(self) -> str:
        given = ["previous"] if self.previous else []
        given += [shown(value) for value in self.args]
        given += [f"{key}={shown(value)}" for key, value in self.kwargs.items()]
        return f"<Call {self.name}({', '.join(given)})>"

    def __and__(self, other: Conjoinable) -> Chain:
        return conjoin(self, other)

    def calls(self) -> tuple[Call[Any], ...]:
        """Return the calls it consists of: itself."""
        return (self,)

    def serializers(self) -> tuple[str, ...]:
        """Return the name of the serializer of its result."""
        return (self.policy.serializer,)

    def options(self, **policy: Unpack[PolicyOptions]) -> Call[R]:
        """Return the same call with other rules (``priority=9``, ``expires=60``, ...)."""
        check_own(self.name, policy)
        return self._with(policy=change_policy(self.policy, policy))

    def with_previous(self) -> Call[R]:
        """Return the same call for a chain, with the result of the step before it as its first argument.

        ``report("weekly").with_previous()`` is ``report.with_previous("weekly")``; type checkers can check only the
        latter. ArgumentsError where it is fired without a step before it.
        """
        return self._with(previous=True)

    def apart(self) -> tuple[Call[R], object]:
        """Take ``transaction`` out of the arguments, unless the job has such a parameter itself; return it as well."""
        if "transaction" not in self.kwargs or (self.target and self.target.takes(self.args, self.kwargs)):
            return self, None
        kwargs = dict(self.kwargs)
        transaction = kwargs.pop("transaction")
        return self._with(kwargs=kwargs), transaction

    def _with(self, **changes: Any) -> Call[R]:
        """Return the same call with other attributes."""
        made = copy.copy(self)
        for name, value in changes.items():
            setattr(made, name, value)
        return made

    def key(self) -> str | None:
        """Return its idempotency key, made of the arguments where the policy has a function for it."""
        key = self.policy.idempotency_key
        if not callable(key):
            return key
        return self._made_by(key, "idempotency_key")

    def tags(self) -> tuple[str, ...]:
        """Return its tags, made of the arguments where the policy has a function for it; PolicyError for wrong ones."""
        tags = self.policy.tags
        if not callable(tags):
            return tags
        made = self._made_by(tags, "tags")
        try:
            return check_tags(made)
        except PolicyError as error:
            msg = f"the tags function of {self.name} returned {brief(made)}: {error}"
            raise PolicyError(msg) from error

    def _made_by(self, function: Callable[..., T], rule: str) -> T:
        try:
            return function(*self.args, **self.kwargs)
        except TypeError as error:
            msg = (
                f"the {rule} function of {self.name} fails for this firing's arguments: {error}; "
                f"it takes what the job takes (in a class without `self`: make it a staticmethod)"
            )
            raise PolicyError(msg) from error

    def steps(self) -> tuple[Step, ...]:
        """Encode; PayloadError names the argument that cannot be stored.

        Raises ArgumentsError for arguments that the job does not take, and NotAJobError where its name leads
        a worker to something else.
        """
        if self.previous:
            msg = (
                f"{self.name}: with_previous() takes the result of the step before it in a chain, but no step is before it: "
                f"join it to another job, as in `first() & {self.name.rpartition(':')[2]}.with_previous()`"
            )
            raise ArgumentsError(msg)
        return self.later_steps()

    def check(self) -> None:
        """Raise ArgumentsError for arguments that the job does not take, NotAJobError where no worker would find it."""
        if self.target is not None:
            # Whatever the step before returns counts as one argument.
            args = (None, *self.args) if self.previous else self.args
            self.target.check(args, self.kwargs)

    def later_steps(self) -> tuple[Step, ...]:
        """Encode it as a part of a chain that is not the first."""
        self.check()
        policy = self.policy
        serializer = get_serializer(policy.serializer)
        try:
            encoded = serializer.dumps_call(self.args, self.kwargs, self.attrs)
        except Exception as error:
            self.name_culprit(error)
            raise
        at = None if self.target is None else self.target.at
        return (
            Step(
                self.name,
                encoded,
                policy.retries,
                policy.timeout,
                policy.serializer,
                at,
                previous=self.previous,
            ),
        )

    def name_culprit(self, error: Exception) -> None:
        """Raise the error again, about the one argument that causes it."""
        serializer = get_serializer(self.policy.serializer)
        named = [(f"argument {index} of {self.name}", value) for index, value in enumerate(self.args, 1)]
        named += [(f"argument {key!r} of {self.name}", value) for key, value in self.kwargs.items()]
        named += [(f"attribute {key!r} of {self.name}", value) for key, value in (self.attrs or {}).items()]
        for what, value in named:
            try:
                serializer.dumps(value, what)
            except type(error) as better:
                raise better from error.__cause__


def encode_alike(
    first: Call[Any], others: Iterable[Conjoinable]
) -> tuple[list[bytes], tuple[Conjoinable, ...]]:
    """Encode the bodies of a call and of those after it that differ in their arguments alone.

    Return them, and the first call that differs otherwise, if one came. What calls share is worked out once. Each is dropped
    as soon as it is encoded: a thousand that are kept cost the garbage collector as much time as all this.
    """
    name, policy, memory, target = first.name, first.policy, first.memory, first.target
    retries, timeout, ttl, chosen = policy.retries, policy.timeout, policy.result_ttl, policy.serializer
    dumps = get_serializer(chosen).dumps_call
    at = None if target is None else target.at
    bodies: list[bytes] = []
    for call in chain((first,), others):
        if (
            type(call) is not Call
            or call.policy is not policy
            or call.memory is not memory
            or call.target is not target
            or call.name is not name
            or call.previous
        ):
            return bodies, (call,)
        args, kwargs = call.args, call.kwargs
        if target is not None:
            target.check(args, kwargs)
        try:
            encoded = dumps(args, kwargs, call.attrs)
        except Exception as error:
            call.name_culprit(error)
            raise
        bodies.append(encode(Body((Step(name, encoded, retries, timeout, chosen, at),), ttl)))
    return bodies, ()


class Chain(Fireable[list[Any]]):
    """Calls conjoined: one firing that runs them in order, and stops at the first that fails for good.

    Its result is the list of their results. Routes, priority, expiry, tags and life time are its own (the first call's to
    begin with), and so is an idempotency key (none to begin with: the first call's may be that of a firing without the later
    steps). Functions that make tags or the key get the first call's arguments. Retries, backoff, timeout and serializer are each step's.
    """

    __slots__ = ("_calls",)

    def __init__(self, calls: tuple[Call[Any], ...]) -> None:
        queue = next((call.memory.queue for call in calls if call.memory.queue is not None), None)
        policy = msgspec.structs.replace(calls[0].policy, idempotency_key=None)
        super().__init__(BETWEEN_JOBS.join(call.name for call in calls), policy, Memory(queue))
        self._calls = calls

    def __repr__(self) -> str:
        return f"<Chain {' & '.join(repr(call)[6:-1] for call in self._calls)}>"

    def __and__(self, other: Conjoinable) -> Chain:
        return conjoin(self, other)

    def calls(self) -> tuple[Call[Any], ...]:
        """Return the calls it consists of, in order."""
        return self._calls

    def options(self, **policy: Unpack[PolicyOptions]) -> Chain:
        """Return the same chain with other rules."""
        for name in policy:
            if name in _STEPS_OWN:
                msg = f"{name} belongs to each step, not to a chain: set it on the jobs before joining them"
                raise PolicyError(msg)
        changed = Chain(self._calls)
        changed.policy = change_policy(self.policy, policy)
        changed.memory = self.memory
        return changed

    def tags(self) -> tuple[str, ...]:
        """Return its tags: its own, or what its function for them makes of the first call's arguments."""
        tags, first = self.policy.tags, self._calls[0]
        if not callable(tags):
            return tags
        return (first if tags is first.policy.tags else first.options(tags=tags)).tags()

    def key(self) -> str | None:
        """Return its idempotency key: its own, or what its function for it makes of the first call's arguments."""
        key = self.policy.idempotency_key
        return self._calls[0].options(idempotency_key=key).key() if callable(key) else key

    def steps(self) -> tuple[Step, ...]:
        """Encode all calls."""
        first, *later = self._calls
        return (*first.steps(), *(step for call in later for step in call.later_steps()))


class Conjoinable(Protocol):
    """What can stand beside ``&``, and be added to a queue: a job, a call, a chain."""

    def calls(self) -> tuple[Call[Any], ...]:
        """Return the calls it consists of."""


def conjoin(first: Conjoinable, second: Conjoinable) -> Chain:
    """Join two into one; NotAJobError where the second is not a job, call or chain."""
    if not callable(getattr(type(second), "calls", None)):
        msg = f"{brief(second)} of type {type(second).__name__} is not a job, call or chain, so & cannot join it to {brief(first)}"
        raise NotAJobError(msg)
    # Of their classes: an object's attributes are the user's own.
    return Chain((*type(first).calls(first), *type(second).calls(second)))

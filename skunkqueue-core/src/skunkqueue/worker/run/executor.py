"""Runs one job: finds it, reads its arguments, calls it, writes its result.

Knows nothing of stores or outcomes. ``STAGES`` are the functions under which ``interrupt`` may raise: they call the user's code, and
catch all that it raises.
"""

from __future__ import annotations

from collections.abc import Callable
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any, NamedTuple, TypeVar

from skunkqueue.errors import (
    DamagedPayloadError,
    JobNotFoundError,
    PayloadTooLargeError,
    UnsupportedTypeError,
)
from skunkqueue.imports import Gate
from skunkqueue.job import declaration
from skunkqueue.job_names import find_named
from skunkqueue.payload import MAX_PAYLOAD, Step
from skunkqueue.policy import Policy
from skunkqueue.processes.log_values import Shown, brief
from skunkqueue.serializers import get_serializer
from skunkqueue.worker.attempt import Attempt, Phase

_R = TypeVar("_R")
# What can be shown in the log at any later time, without running the user's code.
_PLAIN = frozenset({type(None), bool, int, float, str, bytes})
_UNRUN = {
    CoroutineType: "a coroutine",
    GeneratorType: "a generator",
    AsyncGeneratorType: "an async generator",
}
Arguments = tuple["list[Any]", "dict[str, Any]", "dict[str, Any] | None"]


class Known(NamedTuple):
    """A job that was found before."""

    name: str
    call: Callable[[list[Any], dict[str, Any], dict[str, Any] | None], Any]
    is_async: bool
    beside: bool
    """It runs beside the main thread: on the event loop, or on a thread."""
    policy: Policy
    what: str
    """What its result is called in errors."""


class Executor:
    """Runs one step of an attempt, and leaves in the attempt what came of it."""

    def __init__(
        self,
        gate: Gate,
        max_payload: int = MAX_PAYLOAD,
        prepare: Callable[[], object] = lambda: None,
        *,
        threaded: bool = False,
    ) -> None:
        """``threaded``: also jobs that are not async run beside each other. ``prepare`` is called after a module may have been imported, and before its job is run."""
        self._gate = gate
        self._prepare = prepare
        self._threaded = threaded
        self._max = max_payload
        self._known: dict[str, Known] = {}
        self.known = self._known.get
        """Return a job that was found before, or ``None``."""

    def execute(self, attempt: Attempt, step: Step, known: Known, start: Callable[[], object] | None) -> None:
        """Run a step whose job is not async, in the main thread. ``start`` is called when the job's own code is about to begin."""
        phase = Phase.LOAD
        try:
            serializer = get_serializer(step.serializer)
            args, kwargs, attrs = _checked(serializer.loads(step.args, self._gate))
            if step.previous and (previous := attempt.previous) is not None:
                args.insert(0, get_serializer(previous.serializer).loads(previous.data, self._gate))
            phase = Phase.CALL
            if start is not None:
                start()
            value = known.call(args, kwargs, attrs)
            phase = Phase.SAVE
            kind = type(value)
            if kind in _UNRUN:
                _refuse_unrun(known, value)
            data = serializer.dumps(value, known.what)
            if len(data) > self._max:
                self._refuse(known, data)
            attempt.value = value if kind in _PLAIN else Shown(value)
            attempt.data = data
        except BaseException as error:  # noqa: BLE001 - a job may raise anything, and nothing may get out
            attempt.error, attempt.phase = error, phase

    async def execute_beside(
        self, attempt: Attempt, step: Step, known: Known, start: Callable[[], object]
    ) -> None:
        """Run a step that others run beside. Awaits nothing where the job is not async."""
        phase = Phase.LOAD
        try:
            serializer = get_serializer(step.serializer)
            args, kwargs, attrs = _checked(serializer.loads(step.args, self._gate))
            if step.previous and (previous := attempt.previous) is not None:
                args.insert(0, get_serializer(previous.serializer).loads(previous.data, self._gate))
            phase = Phase.CALL
            start()
            value = known.call(args, kwargs, attrs)
            if known.is_async:
                value = await value
            phase = Phase.SAVE
            if type(value) in _UNRUN:
                _refuse_unrun(known, value)
            data = serializer.dumps(value, known.what)
            if len(data) > self._max:
                self._refuse(known, data)
            attempt.value = value if type(value) in _PLAIN else Shown(value)
            attempt.data = data
        except BaseException as error:  # noqa: BLE001 - as in execute
            attempt.error, attempt.phase = error, phase

    def find(self, job: str, at: str | None = None) -> Known:
        """Find a job by its name, importing the module where it lies if need be; raises JobNotFoundError.

        ``at``: where one with a name of its own lay when it was fired.
        """
        named = find_named(job)
        if named is None:
            try:
                named = self._at(at or job)
            except JobNotFoundError:
                # Its module, or one that came with it, may have declared the name as an alias.
                named = find_named(job)
                if named is None:
                    raise
            else:
                named = find_named(job) or (None if at else named)
        found = declaration(named)
        if found is None:
            msg = (
                f"{job!r} is not a job: only what is made by @queue.job or inherits JobMixin is run; "
                f"declare it as one, or give the job that takes its place aliases=[{job!r}]"
            )
            raise JobNotFoundError(msg, elsewhere=True)
        self._prepare()
        known = Known(
            job,
            found.call,
            found.is_async,
            found.is_async or self._threaded,
            found.policy,
            f"the result of {job}",
        )
        self._known[job] = known
        return known

    def _at(self, place: str) -> object:
        module, _, qualname = place.partition(":")
        return self._gate.find(module, qualname) if qualname else None

    def _refuse(self, known: Known, data: bytes) -> None:
        msg = f"{known.what} has {len(data)} bytes: at most {self._max} are allowed. Store it elsewhere and return its id"
        raise PayloadTooLargeError(msg)


def caught(function: Callable[..., _R], *arguments: Any) -> tuple[_R | None, BaseException | None]:
    """Call what may run the user's code; return what it returned, or ``None`` and what it raised."""
    try:
        return function(*arguments), None
    except BaseException as error:  # noqa: BLE001 - as in execute
        return None, error


STAGES = (Executor.execute.__code__, caught.__code__)
"""The code under which a job may be interrupted."""


def _refuse_unrun(known: Known, value: Any) -> None:
    """Raise for a result that shows that the job's code did not run, or only in part."""
    kind = _UNRUN[type(value)]
    if not isinstance(value, AsyncGeneratorType):
        # Or Python warns that it was never awaited.
        value.close()
    msg = (
        f"{known.what} is {kind}, so its work was not done: make the job itself an `async def` that awaits what it "
        f"calls, or collect what a generator yields, as by list(...)"
    )
    raise UnsupportedTypeError(msg)


def _checked(loaded: Any) -> Arguments:
    """Return stored arguments if they are what ``Call`` writes; DamagedPayloadError otherwise."""
    if type(loaded) is list and len(loaded) == 3:
        args, kwargs, attrs = loaded
        if type(args) is list and type(kwargs) is dict and (attrs is None or type(attrs) is dict):
            return args, kwargs, attrs
    msg = f"stored arguments are not a list of positional ones, keywords and attributes: {brief(loaded)}"
    raise DamagedPayloadError(msg)

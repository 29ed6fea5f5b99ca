"""Running one job: find it, read its arguments, call it, write its result.

Knows nothing of stores, claims or outcomes. ``Performer.perform`` is the stage of ``interrupt``: all
that may raise there is the user's doing, and nothing it raises gets out.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Any, NamedTuple

from skunkqueue.errors import DamagedPayloadError, JobNotFoundError, PayloadTooLargeError
from skunkqueue.imports import Gate
from skunkqueue.job import declaration
from skunkqueue.payload import MAX_PAYLOAD, Step
from skunkqueue.policy import Policy
from skunkqueue.serializers import get_serializer
from skunkqueue.worker.logs import brief

AWAITED = b"\xc1"
"""What ``perform`` returns for an async job, which it does not run. No serializer writes this byte."""

Arguments = tuple["list[Any]", "dict[str, Any]", "dict[str, Any] | None"]


class Phase(IntEnum):
    """How far a job got before it failed."""

    FIND = 0
    LOAD = 1
    CALL = 2
    SAVE = 3


class Known(NamedTuple):
    """A job that was found before."""

    name: str
    call: Callable[[list[Any], dict[str, Any], dict[str, Any] | None], Any]
    is_async: bool
    policy: Policy
    what: str
    """What its result is called in errors."""


class Performer:
    """Runs jobs in the main thread, one after another; the last one's outcome is in its attributes."""

    def __init__(self, gate: Gate, max_payload: int = MAX_PAYLOAD) -> None:
        self._gate = gate
        self._max = max_payload
        self._known: dict[str, Known] = {}
        self.error: BaseException | None = None
        """What was raised; ``None``: nothing."""
        self.phase = Phase.CALL
        """Where it was raised."""
        self.value: Any = None
        """What was returned."""

    def perform(self, step: Step) -> bytes | None:
        """Run one step; return its encoded result, ``AWAITED``, or ``None`` and ``error`` is set."""
        phase = Phase.FIND
        try:
            known = self._known.get(step.job)
            if known is None:
                known = self.find(step.job)
            if known.is_async:
                return AWAITED
            phase = Phase.LOAD
            serializer = get_serializer(step.serializer)
            args, kwargs, attrs = _checked(serializer.loads(step.args, self._gate))
            phase = Phase.CALL
            value = known.call(args, kwargs, attrs)
            phase = Phase.SAVE
            data = serializer.dumps(value, known.what)
            if len(data) > self._max:
                self._refuse(known, data)
        except BaseException as error:  # noqa: BLE001 - a job may raise anything, and nothing may get out
            self.error = error
            self.phase = phase
            return None
        self.value = value
        return data

    async def perform_async(self, step: Step) -> tuple[Phase, bytes | None, object]:
        """Run one async step on an event loop; return how far it got, its result, and value or error."""
        phase = Phase.LOAD
        try:
            known = self.find(step.job)
            serializer = get_serializer(step.serializer)
            args, kwargs, attrs = _checked(serializer.loads(step.args, self._gate))
            phase = Phase.CALL
            value = await known.call(args, kwargs, attrs)
            phase = Phase.SAVE
            data = serializer.dumps(value, known.what)
            if len(data) > self._max:
                self._refuse(known, data)
        except BaseException as error:  # noqa: BLE001 - as in perform
            return phase, None, error
        return phase, data, value

    def find(self, job: str) -> Known:
        """Find a job by ``module:qualname``; JobNotFoundError where it cannot be had or is none."""
        known = self._known.get(job)
        if known is not None:
            return known
        module, _, qualname = job.partition(":")
        found = declaration(self._gate.find(module, qualname)) if qualname else None
        if found is None:
            msg = (
                f"{job!r} is not a job: only what is made by @queue.job or inherits JobMixin is run; "
                f"declare it as one"
            )
            raise JobNotFoundError(msg)
        known = Known(job, found.call, found.is_async, found.policy, f"the result of {job}")
        self._known[job] = known
        return known

    def _refuse(self, known: Known, data: bytes) -> None:
        msg = f"{known.what} has {len(data)} bytes: at most {self._max} are allowed. Store it elsewhere and return its id"
        raise PayloadTooLargeError(msg)


def _checked(loaded: Any) -> Arguments:
    """Return stored arguments if they are what ``Call`` writes; DamagedPayloadError otherwise."""
    if type(loaded) is list and len(loaded) == 3:
        args, kwargs, attrs = loaded
        if type(args) is list and type(kwargs) is dict and (attrs is None or type(attrs) is dict):
            return args, kwargs, attrs
    msg = f"stored arguments are no list of positional, keyword and attributes: {brief(loaded)}"
    raise DamagedPayloadError(msg)

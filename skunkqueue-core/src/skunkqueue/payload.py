"""What the opaque bytes in a store mean: bodies, attempt states, failures, progress.

Stores keep them unread; producers, workers and readers agree on them here. Encoded as MessagePack
arrays by position, so fields may be added at the end and never moved. Bytes that come back are not
trusted: whatever is wrong with them is a DamagedPayloadError.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec

from skunkqueue.errors import MAX_DELAY, DamagedPayloadError
from skunkqueue.records import MAX_ERROR, MAX_JOB

MAX_PAYLOAD = 1024 * 1024
"""Bytes an encoded body or result may have unless configured otherwise."""
MAX_HISTORY = 20
"""Attempts remembered in an attempt state."""
MAX_TRACEBACK = 16_000
"""Characters of a traceback kept."""

# Anybody may have written a body, and what stores and workers calculate with must be a number.
_Seconds = Annotated[float, msgspec.Meta(gt=0, le=MAX_DELAY)]
_SecondsOrNone = Annotated[float, msgspec.Meta(ge=0, le=MAX_DELAY)]

BETWEEN_JOBS = " & "
"""Stands between the jobs of a chain, in the name of its firing."""


class Step(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True, gc=False):
    """One job to run with its arguments."""

    job: str
    """Its name: ``module:qualname``, or what the user calls it."""
    args: bytes
    """``[positional, keyword, attributes of the instance]``, written by the serializer."""
    retries: Annotated[int, msgspec.Meta(ge=0)] = 0
    timeout: _Seconds | None = None
    serializer: str = "typed"
    at: str | None = None
    """Where the job lies, ``module:qualname``, if it has a name of its own: what a worker imports to know that name."""
    previous: bool = False
    """The result of the step before it is its first argument, before those that it has here."""


class Body(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True, gc=False):
    """What a firing is to do."""

    steps: tuple[Step, ...]
    """One; or several for a chain, run in order."""
    ttl: _SecondsOrNone | None = None
    """Seconds to keep it once finished; 0: its result is not kept at all."""
    schedule: str | None = None
    """Name of the schedule that made it."""
    expires_in: _Seconds | None = None
    """Seconds after it is due by which each firing of the schedule must have begun."""
    strategy: str | None = None
    """Name of that schedule's strategy: a worker that lacks it leaves the firing to others."""
    tags: tuple[str, ...] = ()
    """Of each firing of the schedule."""

    @property
    def name(self) -> str:
        """The job's name for people; a chain's are joined."""
        return BETWEEN_JOBS.join(step.job for step in self.steps)


class Attempt(msgspec.Struct, frozen=True, array_like=True):
    """One try at running a firing, as remembered."""

    number: int
    began: float
    took: float
    verdict: str
    note: str
    """The error's type and message, or why it was put back."""
    worker: str


class AttemptState(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """What earlier attempts leave for the next one."""

    failures: int = 0
    """Failed attempts at the present step."""
    snoozes: int = 0
    seen_deaths: int = 0
    """Lines of evidence that were counted already."""
    history: tuple[Attempt, ...] = ()
    done: tuple[bytes, ...] = ()
    """Encoded results of the steps of a chain that are complete."""
    unknown_since: float = 0.0
    """When a worker first did not know the job (store's time); 0: the last worker that claimed it knew it."""
    unknowns: int = 0
    """How many workers did not know it since."""
    begun: bool = False
    """An attempt began and was interrupted since its worker had to stop: the firing does not expire any more."""

    def with_attempt(self, attempt: Attempt) -> AttemptState:
        """Remember one more attempt, and forget the oldest over MAX_HISTORY."""
        history = (*self.history, attempt)[-MAX_HISTORY:]
        return msgspec.structs.replace(self, history=history)


class Failure(msgspec.Struct, frozen=True, array_like=True):
    """Why a firing has no result."""

    kind: str
    """The exception's type."""
    message: str
    traceback: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}" if self.message else self.kind

    @property
    def line(self) -> str:
        """The same as one line of at most MAX_ERROR characters, whose type ends at the first colon."""
        kind = self.kind.replace(":", ".")
        # Cut before it is split: a message may be long.
        text = f"{kind}: {self.message[: 2 * MAX_ERROR]}" if self.message else kind
        return storable(" ".join(text.split()))[:MAX_ERROR].rstrip()


class Progress(msgspec.Struct, frozen=True, array_like=True):
    """The progress that a running job reports."""

    done: float
    total: float | None
    note: str
    at: float


NO_ATTEMPT_STATE = AttemptState()

encode = msgspec.msgpack.Encoder().encode
"""Turn any of these structs into bytes."""

_T = TypeVar("_T")


def storable(text: str, limit: int | None = None) -> str:
    """Return text that any store and log can hold: a plain ``str`` in valid UTF-8, cut to ``limit`` characters.

    The name of a file may hold lone surrogates, which UTF-8 cannot carry: they become escapes.
    """
    # A subclass of str may run any code in its methods.
    text = str.__str__(text)
    if limit is not None and len(text) > limit:
        text = f"{text[:limit]}..."
    return text.encode("utf-8", "backslashreplace").decode()


def job_label(name: str) -> str:
    """Return a job's name as firings show it: cut to MAX_JOB bytes of UTF-8, between two characters."""
    if len(name) <= MAX_JOB // 4:
        return name
    data = name.encode("utf-8", "replace")
    return name if len(data) <= MAX_JOB else data[:MAX_JOB].decode("utf-8", "ignore")


def may_be_cut(label: str) -> bool:
    """Return whether the job's name may be longer than what firings show of it."""
    # Cut between two characters, of which one has up to four bytes.
    return len(label.encode()) > MAX_JOB - 4


_body = msgspec.msgpack.Decoder(Body)
_attempt_state = msgspec.msgpack.Decoder(AttemptState)
_failure = msgspec.msgpack.Decoder(Failure)
_progress = msgspec.msgpack.Decoder(Progress)


def decode_body(data: bytes) -> Body:
    """Read a body; DamagedPayloadError where it is not one."""
    body = _decode(_body, data, "body")
    if not body.steps:
        raise DamagedPayloadError("a firing's body names no job to run: it was not made by SkunkQueue")
    return body


def decode_attempt_state(data: bytes | None) -> AttemptState:
    """Read an attempt state; ``None`` is an empty one."""
    return NO_ATTEMPT_STATE if data is None else _decode(_attempt_state, data, "attempt state")


def decode_failure(data: bytes) -> Failure:
    """Read a failure."""
    return _decode(_failure, data, "failure")


def decode_progress(data: bytes) -> Progress:
    """Read a progress report."""
    return _decode(_progress, data, "progress report")


def _decode(decoder: msgspec.msgpack.Decoder[_T], data: bytes, what: str) -> _T:
    try:
        return decoder.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        start = bytes(data[:24])
        msg = f"a firing's {what} of {len(data)} bytes, beginning {start!r}, is damaged or not ours: {error}"
        raise DamagedPayloadError(msg) from error

"""One attempt at a claim: the object that goes from ``fetch`` through ``run`` and ``judge`` to ``complete``.

Each part adds what it found out. A chain has one attempt for all of its steps, as long as none of them fails.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

import msgspec

from skunkqueue.payload import NO_ATTEMPT_STATE, AttemptState, Body, Step
from skunkqueue.records import Claim, ClaimRef, Outcome, Verdict
from skunkqueue.worker.judge.evidence import attempt_number

NEVER = float("inf")
NOT_READ = Body((Step("a firing", b""),))
"""The body of a claim before it is read."""
DAMAGED = Body((Step("a damaged firing", b""),))
"""The body of a claim whose own one cannot be read."""
_NOT_JUDGED = Outcome(id="", token=0, verdict=Verdict.RELEASE)


class Phase(IntEnum):
    """How far a job got before it failed."""

    FIND = 0
    LOAD = 1
    CALL = 2
    SAVE = 3


class Previous(NamedTuple):
    """What the step before returned, as it is stored."""

    data: bytes
    serializer: str


class Attempt(msgspec.Struct, eq=False):
    """One attempt. Beside each field: who writes it."""

    claim: Claim
    """The loop, when it takes a claim in hand."""
    body: Body = NOT_READ
    """``Runner``, which reads it."""
    attempt_state: AttemptState = NO_ATTEMPT_STATE
    """What earlier attempts have left: ``Admission``. Results of steps are added by ``next_step``."""
    number: int = 1
    """As people count: 1 at the first. ``Admission``, and ``next_step``."""
    unsaved: bool = False
    """A step is done, and the store does not know. Set by ``next_step``, cleared by ``Settler``."""

    # What runs now: written by what runs it, read by the watchdog and the maintenance thread.
    row: int = 0
    """Its row on the scoreboard; 0: the main thread's."""
    since: float = NEVER
    """When it began (monotonic); NEVER: it waits for the event loop."""
    deadline: float = NEVER
    """When its time is up (monotonic); NEVER without a limit, and while a job is imported or its arguments are read."""

    # How the step went: written by ``Executor``, and by ``AsyncExecutor`` where a job was cancelled.
    phase: Phase = Phase.LOAD
    data: bytes | None = None
    """Its encoded result; ``None``: it failed."""
    value: Any = None
    """The result as the log may show it; it runs none of the user's code."""
    error: BaseException | None = None
    """What it raised."""
    reason: str | None = None
    """Why it was interrupted, if it was: ``Judge`` for the main thread, ``AsyncExecutor`` for others."""

    # How long it took: written by ``Runner``.
    started: float | None = None
    """When the code of the first step began (monotonic); ``None``: it did not."""
    began: float | None = None
    """The same, by the store's clock."""
    took: float = 0.0
    worker: str = ""
    """Who made the attempt."""

    # What follows: written by ``Judge``, read by ``Settler`` and ``Refires``, which may add to the outcome.
    outcome: Outcome = _NOT_JUDGED
    note: str | None = None
    """What the log says of it; ``None``: that it is complete, and its value."""
    schedule: str | None = None
    """The schedule whose next run is to be planned."""

    @property
    def name(self) -> str:
        """The job's name for people."""
        return self.body.name

    @property
    def ref(self) -> ClaimRef:
        """What proves the claim to the store."""
        return ClaimRef(self.claim.id, self.claim.token)

    @property
    def begun(self) -> bool:
        """Return whether its job has begun, was taken by the event loop, or could not be imported."""
        return self.started is not None or self.began is not None or self.row != 0

    @property
    def step(self) -> Step:
        """The step that is run, or was run last."""
        return self.body.steps[len(self.attempt_state.done)]

    @property
    def previous(self) -> Previous | None:
        """What the step before returned, if this one takes it."""
        done = self.attempt_state.done
        if not (done and self.step.previous):
            return None
        return Previous(done[-1], self.body.steps[len(done) - 1].serializer)

    @property
    def is_last_step(self) -> bool:
        """Return whether no other step comes after this one."""
        return len(self.attempt_state.done) + 1 == len(self.body.steps)

    def next_step(self, data: bytes) -> None:
        """Go on with the next step of a chain: the present one is done, with this result."""
        state = self.attempt_state
        self.attempt_state = msgspec.structs.replace(
            state, failures=0, done=(*state.done, data), unknown_since=0.0, unknowns=0
        )
        self.number = attempt_number(self.claim, self.attempt_state)
        self.unsaved = True
        self.row, self.since, self.deadline = 0, NEVER, NEVER
        self.phase, self.data, self.value, self.error, self.reason = Phase.LOAD, None, None, None, None


def ref_of(claim: Claim) -> ClaimRef:
    """Return what proves a claim to the store."""
    return ClaimRef(claim.id, claim.token)

"""The states of a firing, the verdicts that lead from one to the next, and the usual priority."""

from __future__ import annotations

from enum import Enum

DEFAULT_PRIORITY = 5


class State(str, Enum):
    """Where a firing is in its life; the state of a job never fired is ``None``."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETE = "complete"
    ERROR = "error"
    KILLED = "killed"
    EXPIRED = "expired"

    def __str__(self) -> str:
        # People print it: `print("state", add.state)`.
        return self.value

    @property
    def final(self) -> bool:
        """Return whether a firing in this state is finished."""
        return self not in (State.PENDING, State.RUNNING)


FINAL_STATES = tuple(state for state in State if state.final)


class Verdict(str, Enum):
    """What a worker says about a claim when it settles it, and the state that follows."""

    COMPLETE = "complete"
    """It ran and returned."""
    ERROR = "error"
    """It failed for good."""
    KILLED = "killed"
    """It was stopped because somebody killed it."""
    EXPIRED = "expired"
    """Its expiry had passed before it began."""
    RETRY = "retry"
    """It failed and will run again: back to pending, counted as retried."""
    SNOOZE = "snooze"
    """It asked to run later: back to pending."""
    RELEASE = "release"
    """It did not begin, or was stopped for a reason outside of it: back to pending, in its old place."""
    ADVANCE = "advance"
    """A step of a chain is done and the next begins: it stays running, only its attempt state is saved."""

    @property
    def state(self) -> State:
        """The state of the firing once this verdict is settled."""
        return _STATE_AFTER[self]


_STATE_AFTER = {
    Verdict.COMPLETE: State.COMPLETE,
    Verdict.ERROR: State.ERROR,
    Verdict.KILLED: State.KILLED,
    Verdict.EXPIRED: State.EXPIRED,
    Verdict.RETRY: State.PENDING,
    Verdict.SNOOZE: State.PENDING,
    Verdict.RELEASE: State.PENDING,
    Verdict.ADVANCE: State.RUNNING,
}

"""What the API answers of what was done: outcomes, operations, commands, the audit log."""

from __future__ import annotations

from datetime import datetime

from skunkqueue.records import State
from skunkqueue.web.api.structs.base import Base


class CountAnswer(Base, frozen=True, kw_only=True):
    """How many firings match."""

    number: int
    exact: bool
    """False: at least so many."""


class EntryAnswer(Base, frozen=True, kw_only=True):
    """One entry of the audit log."""

    id: str
    at: datetime
    who: str
    why: str | None
    verb: str
    on: str
    did: str | None
    heard: datetime | None
    """When the worker or pool took the command."""
    done: datetime | None
    outcome: str | None
    """`ok`, `nothing` (nothing was to be done) or `failed` (not all was done); null: not done yet."""


class EntryPage(Base, frozen=True, kw_only=True):
    """A page of the audit log, newest first."""

    now: datetime
    entries: list[EntryAnswer]
    next: str | None
    """`cursor` of what comes after, which is older."""
    previous: str | None
    """`cursor` of what comes before, which is newer."""


class OperationAnswer(Base, frozen=True, kw_only=True):
    """One verb that is being done to all firings that a filter matches."""

    id: str
    verb: str
    about: str
    who: str
    why: str | None
    """The reason that was given."""
    entry: str | None
    """Id of its entry in the audit log; null: it has not begun."""
    started: datetime
    seconds: float
    state: str
    """`running`, `stopping`, `done`, `stopped` or `failed`."""
    matched: CountAnswer | None
    """null: it has not counted yet."""
    seen: int
    done: int
    """Firings that it changed."""
    error: str | None


class Operations(Base, frozen=True, kw_only=True):
    """Operations of this process of the monitor, newest first."""

    operations: list[OperationAnswer]


class OutcomeAnswer(Base, frozen=True, kw_only=True):
    """What became of one firing that was named."""

    id: str
    done: bool
    state: State | None
    """The state it had before; of one that was to be requeued and was not, the state it has. null: it is not known (any more),
    or was requeued."""


class Outcomes(Base, frozen=True, kw_only=True):
    """What became of each, in the order of the ids."""

    done: int
    outcomes: list[OutcomeAnswer]


class Begun(Base, frozen=True, kw_only=True):
    """An operation that has begun; follow it at `/api/v1/operations/{id}`."""

    operation: str
    matched: CountAnswer


class Sent(Base, frozen=True, kw_only=True):
    """A command that is under way; follow it by `/api/v1/audit?id=...`."""

    entry: str
    """Id of its entry in the audit log."""


class Changed(Base, frozen=True, kw_only=True):
    """What was changed."""

    changed: bool
    """False: it was so already."""


class Removed(Base, frozen=True, kw_only=True):
    """What was removed."""

    removed: int

"""What requests of the API bring: parameters of the URL, and JSON."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from skunkqueue.web.api.kinds import (
    Cursor,
    FewIds,
    Id,
    Ids,
    Limit,
    Look,
    Moment,
    RouteLimit,
    States,
    WholeId,
    Why,
    Word,
)


class Given(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Common to all: what is not known is refused, since a filter that is misspelt would mean everything."""


class Matching(Given, frozen=True, kw_only=True):
    """Which firings; all that is given must fit."""

    queue: Word | UnsetType = UNSET
    route: Word | UnsetType = UNSET
    state: States | UnsetType = UNSET
    """One of these. An empty list is refused, since it would mean all."""
    job: Word | UnsetType = UNSET
    tag: Word | UnsetType = UNSET
    key: Word | UnsetType = UNSET
    error: Word | UnsetType = UNSET
    """Type of the last error."""
    schedule: Word | UnsetType = UNSET
    parent: WholeId | UnsetType = UNSET
    """Id of the firing that fired it."""
    worker: Word | UnsetType = UNSET
    enqueued_from: Moment | UnsetType = UNSET
    enqueued_to: Moment | UnsetType = UNSET
    due_from: Moment | UnsetType = UNSET
    due_to: Moment | UnsetType = UNSET
    finished_from: Moment | UnsetType = UNSET
    finished_to: Moment | UnsetType = UNSET
    text: Word | UnsetType = UNSET
    """In their arguments, as they are shown; case does not matter."""


class JobsQuery(Matching, frozen=True, kw_only=True):
    """A page of firings."""

    order: Literal["line", "newest", "oldest"] = "line"
    """`line`: what runs, then what is pending in the order of its line, then what is finished, newest first."""
    limit: Limit = 50
    cursor: Cursor | UnsetType = UNSET


class JobQuery(Given, frozen=True, kw_only=True):
    """One firing."""

    whole: bool = False
    """Show large values up to a million characters."""


class ResultsQuery(Given, frozen=True, kw_only=True):
    """Some firings."""

    id: FewIds
    whole: bool = False


class PlaceQuery(Given, frozen=True, kw_only=True):
    """A queue, a route."""

    queue: Word | UnsetType = UNSET
    route: Word | UnsetType = UNSET


class QueueQuery(Given, frozen=True, kw_only=True):
    """A queue."""

    queue: Word | UnsetType = UNSET


class RoutesQuery(QueueQuery, frozen=True, kw_only=True):
    """A page of routes."""

    text: Word | UnsetType = UNSET
    """Only those that have it in the name of the queue or of the route."""
    limit: RouteLimit = 500
    cursor: Cursor | UnsetType = UNSET


class WorkersQuery(QueueQuery, frozen=True, kw_only=True):
    """A page of workers."""

    pool: Word | UnsetType = UNSET
    """Only those of this pool."""
    limit: Limit = 500
    cursor: Cursor | UnsetType = UNSET


class PoolsQuery(QueueQuery, frozen=True, kw_only=True):
    """A page of pools, each with all its workers."""

    limit: Limit = 500
    cursor: Cursor | UnsetType = UNSET


class TotalsQuery(QueueQuery, frozen=True, kw_only=True):
    """A page of counters that never fall."""

    limit: Limit = 500
    cursor: Cursor | UnsetType = UNSET


class CountersQuery(PlaceQuery, frozen=True, kw_only=True):
    """Counters over time, added up over all routes that fit."""

    job: Word | UnsetType = UNSET
    step: Literal["minute", "hour"] = "minute"
    """Minutes are kept for a day, hours for 30."""
    since: Moment | UnsetType = UNSET
    """An hour ago (minutes) or a day ago (hours), if not given."""
    until: Moment | UnsetType = UNSET


class ErrorsQuery(PlaceQuery, frozen=True, kw_only=True):
    """Failures."""

    job: Word | UnsetType = UNSET
    since: Moment | UnsetType = UNSET
    until: Moment | UnsetType = UNSET
    look: Look = 1_000
    """How many failures are looked at, the newest ones."""


class SchedulesQuery(QueueQuery, frozen=True, kw_only=True):
    """A page of schedules."""

    cursor: Cursor | UnsetType = UNSET


class ScheduleQuery(Given, frozen=True, kw_only=True):
    """One schedule."""

    queue: Word
    name: Word


class AuditQuery(Given, frozen=True, kw_only=True):
    """A page of the audit log."""

    who: Word | UnsetType = UNSET
    verb: Word | UnsetType = UNSET
    id: Id | UnsetType = UNSET
    limit: Limit = 50
    cursor: Cursor | UnsetType = UNSET


class JobsOrder(Given, frozen=True, kw_only=True):
    """Firings to be changed: by `ids`, or all that a `filter` matches, which has at least one field."""

    ids: Ids | UnsetType = UNSET
    filter: Matching | UnsetType = UNSET
    why: Why | UnsetType = UNSET


class RouteOrder(Given, frozen=True, kw_only=True):
    """A queue, or one route of it."""

    queue: Word
    route: Word | UnsetType = UNSET
    """Not given: the whole queue."""
    why: Why | UnsetType = UNSET


class ScheduleOrder(Given, frozen=True, kw_only=True):
    """One schedule."""

    queue: Word
    name: Word
    why: Why | UnsetType = UNSET


class Reason(Given, frozen=True, kw_only=True):
    """Why."""

    why: Why | UnsetType = UNSET

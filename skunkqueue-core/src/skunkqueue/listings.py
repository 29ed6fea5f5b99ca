"""Plain data of listings: what is asked for, rows without bodies or results, and sums.

As in ``records``: frozen, keyword-only, and knows nothing of stores.
"""

from __future__ import annotations

import msgspec

from skunkqueue.records import RouteInfo, State

MAX_ROWS = 1_000
"""The largest ``limit`` of a page of rows; larger ones are cut to it."""
MAX_LOOK = 3_000
"""Firings that one call of ``rows`` may look at to find those which match; ``benchmarks.asking`` tells what such a page takes."""
MOST_COUNTED = 10_000
"""Firings that one count looks at, unless it is told another number."""


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """Which firings, and in which order. What is ``None`` does not restrict, nor do ``states`` without any.

    The order is one line through time. First the finished ones, by the moment they finished; then the running ones, then
    the pending ones, both in the order in which they are claimed: priority (highest first), due time. Equal ones
    are ordered by id. It goes over all routes and states asked for. ``newest`` goes through that line from its end.
    """

    queue: str | None = None
    route: str | None = None
    states: tuple[State, ...] = ()
    """Empty: all."""
    job: str | None = None
    """The job's whole name; empty: firings whose job is not known."""
    tag: str | None = None
    key: str | None = None
    """Idempotency key; also of firings that no longer hold it."""
    error: str | None = None
    """Type of the error: the part of its line before the first colon."""
    schedule: str | None = None
    parent: str | None = None
    """Id of the firing that fired it."""
    worker: str | None = None
    """Id of the worker that holds or last held it."""
    enqueued: tuple[float | None, float | None] | None = None
    """From (included) to (excluded), store times; ``None`` on either side: open. Finished firings are found by its beginning,
    since none finished before it was put in, if no clock was set back by more than a minute; so are those in ``due``, where no
    states are asked for in which a firing may never have been due: killed and expired."""
    due: tuple[float | None, float | None] | None = None
    finished: tuple[float | None, float | None] | None = None
    """Only finished ones can be in it."""
    newest: bool = True


class Row(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One firing in a listing: what people look for, and nothing that may be large."""

    id: str
    queue: str
    route: str
    job: str
    """Empty: a version that did not record it fired it."""
    tags: tuple[str, ...]
    state: State
    waits: str | None
    """What a pending one waits for: ``pause`` (of its route or queue, due or not); while it is not due, ``retry`` or ``snooze``
    where such an outcome made it pending again, otherwise ``time``; and once it is due, its ``turn``. ``None`` for the others."""
    priority: int
    enqueued: float
    due: float
    began: float | None
    """As in ``Record``."""
    finished: float | None
    took: float | None
    worker: str | None
    attempts: int
    """How often its job began, as far as the store knows: outcomes that said when (but ``advance``), deaths, and one that runs
    now; since it was fired or requeued."""
    deaths: int
    """As in ``Record``: also leases that ended before the job was known to have begun, which no counter has."""
    key: str | None
    schedule: str | None
    parent: str | None
    progress: tuple[float, float | None] | None
    """How much is done, and of how much in all."""
    error: str | None
    body_size: int
    """Bytes."""
    result_size: int
    expires: float | None = None


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a listing."""

    rows: tuple[Row, ...]
    next: str | None
    """Opaque cursor of the next page; ``None``: this one is the last. A page may have fewer rows than asked for, even
    none, and a cursor: then ``looked`` has reached its bound, or the names in its rows are so long that 100 of them would take
    more than 100 kB."""
    previous: str | None
    """Cursor of the page before; ``None``: this one is the first, as far as the cursors tell."""
    looked: int
    """Firings that were looked at for this page."""


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """How many firings match."""

    number: int
    exact: bool
    """False: at least so many; the search has reached its bound."""


class JobCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many firings of one job are on a route, by state."""

    queue: str
    route: str
    job: str
    """OTHER_JOBS stands for all over the first MAX_JOBS of a route."""
    counts: dict[State, int]
    """Every state is there, also with 0."""
    exact: bool = True
    """False: about so many; the store estimates, or did not look at each of them."""


class QueueSum(msgspec.Struct, frozen=True, kw_only=True):
    """All routes of one queue together."""

    queue: str
    routes: int
    paused: int
    """How many of the routes are paused."""
    counts: dict[State, int]
    """As in ``RouteInfo``, and so is ``exact``."""
    exact: bool = True


class Busiest(msgspec.Struct, frozen=True, kw_only=True):
    """The routes on which most is pending or running, and the sums of all."""

    routes: tuple[RouteInfo, ...]
    """Busiest first; equals by queue and name."""
    queues: tuple[QueueSum, ...]
    """By name."""


class Tried(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How a firing was tried that ended without a result: what the error says that whoever waits for it gets."""

    job: str
    """As in ``Firing``; empty: it is not known."""
    began: float | None
    """As in ``Record``, and so are the others."""
    evidence: str
    attempt_state: bytes | None


class Result(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What became of one firing, without its body."""

    id: str
    state: State
    result: bytes | None
    """As ``Record.result``; ``None`` until it is finished."""
    error: str | None = None
    expires: float | None = None
    """When it is too late to begin; only while it is pending."""
    tried: Tried | None = None
    """Only where it ended as error, killed or expired."""

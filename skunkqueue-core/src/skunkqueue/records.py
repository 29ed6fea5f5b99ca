"""Plain data that passes between all other parts: firings, claims, outcomes, workers, schedules.

Everything here is frozen and keyword-only, and knows nothing of stores, jobs or processes. The states and the records
of schedules have modules of their own; their names are here too.

The structs come from msgspec and not from dataclasses because thousands of them are made in a second: a frozen
slotted dataclass with the fields of a claim takes 3.7 µs to build, a struct 1.1 µs. Structs that are made in large numbers
cannot be part of a cycle, so the garbage collector need not look at them (``gc=False``).

Times are seconds since the epoch by the *store's* clock, durations are seconds, both as float.
"""

from __future__ import annotations

import msgspec

from skunkqueue.schedule_records import DECLARED, Schedule, Standing
from skunkqueue.states import DEFAULT_PRIORITY, FINAL_STATES, State, Verdict

__all__ = [
    "DECLARED",
    "DEFAULT_PRIORITY",
    "DEFAULT_ROUTE",
    "FINAL_STATES",
    "MAX_ERROR",
    "MAX_JOB",
    "MAX_PRIORITY",
    "MAX_RUNNING",
    "MAX_TAG",
    "MAX_TAGS",
    "MIN_PRIORITY",
    "Claim",
    "ClaimRef",
    "Command",
    "Death",
    "Firing",
    "Minute",
    "Outcome",
    "Page",
    "Record",
    "Refire",
    "RouteInfo",
    "Run",
    "Schedule",
    "Standing",
    "State",
    "Verdict",
    "WorkerRecord",
]

DEFAULT_ROUTE = "default"
MIN_PRIORITY = 0
MAX_PRIORITY = 9
MAX_JOB = 200
"""Bytes of UTF-8 that a firing's job name has at most."""
MAX_TAGS = 8
MAX_TAG = 50
"""Characters of a tag."""
MAX_ERROR = 200
"""Characters of an error line."""


class Firing(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One run of a job, as it is put into a store."""

    id: str
    """24 hexadecimal digits that sort by the time at which the id was made (``ids.new_id``)."""
    queue: str
    route: str
    body: bytes
    """Job, arguments and policy (``payload.Body``); no store looks inside."""
    due: float | None = None
    """Earliest start, absolute; ``None``: ``delay`` seconds from the store's now."""
    delay: float = 0.0
    priority: int = DEFAULT_PRIORITY
    """0 to 9, higher is claimed first."""
    expires: float | None = None
    """When it is too late to begin, absolute; ``None``: ``expires_in`` decides."""
    expires_in: float | None = None
    """The same in seconds from the store's now; ``None`` in both: never."""
    key: str | None = None
    """Idempotency key, unique in its queue among pending and running firings."""
    target: str | None = None
    """The one worker that may claim it (a broadcast's copy); ``None``: any worker of the route."""
    job: str = ""
    """The name of the job, or the joined names of a chain; at most MAX_JOB bytes of UTF-8. For listings and counters, not
    to run it."""
    tags: tuple[str, ...] = ()
    """At most MAX_TAGS words by which people find it."""
    schedule: str | None = None
    """Name of the schedule that made it."""
    parent: str | None = None
    """Id of the firing whose job fired it."""


class Claim(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """A firing lent to one worker until its lease ends.

    It is encoded as an array: first what is the same in a whole batch, last what a store keeps as it came, so
    that a store may decode a batch in one go.
    """

    token: int
    """Fencing token: grows with every claim of this firing; an old one changes nothing."""
    claimed: float
    """The store's time of this claim; the same in all claims of a batch."""
    enqueued: float
    due: float
    expires: float | None
    id: str
    queue: str
    route: str
    priority: int
    target: str | None = None
    key: str | None = None
    """Its idempotency key."""
    body: bytes
    attempt_state: bytes | None
    """What earlier attempts left for this one (``payload.AttemptState``); no store looks inside."""
    deaths: int
    """How often its lease ended, or its worker died while it ran: the number of lines in ``evidence``."""
    evidence: str
    """One line of JSON (``Death``) for each of these deaths, oldest first."""
    kill_requested: bool
    """It was killed while its last worker was out of reach: settle it as killed, do not run it."""
    job: str = ""
    tags: tuple[str, ...] = ()
    schedule: str | None = None
    parent: str | None = None


class ClaimRef(msgspec.Struct, frozen=True, gc=False):
    """What proves a claim to the store: which firing, which token."""

    id: str
    token: int
    begun: bool = False
    """In ``extend``: the code of its job has begun. It proves nothing, and no other verb looks at it."""


class Death(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a worker died under a firing; kept as one line of JSON."""

    at: float
    worker: str
    cause: str
    """``lease`` (it ended), ``signal``, ``exit``, ``timeout`` (the pool killed the worker), ``rough``, ``stop``, or ``strategy``.

    ``strategy``: the job had run, and the strategy of its schedule was computing the next run.
    """
    signal: int | None = None
    exit_code: int | None = None
    rss: int | None = None
    """Peak resident memory of the worker in bytes, where known."""
    begun: bool = True
    """The job of the firing had begun. False, only with ``lease``: it was not reported before the lease ended, so it may not
    have begun."""
    claimed: float | None = None
    """When the worker had claimed the firing. ``None``: not known, as where a lease ended."""


class Refire(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The next run of a schedule, to be armed in the same atomic step that settles this one.

    It does nothing where the schedule is gone, was replaced (another generation), or names another firing than
    the one that is settled. Where the schedule is paused, its state and history are updated, but nothing is armed.
    """

    queue: str
    name: str
    generation: int
    firing: Firing | None
    """``None``: the schedule has ended by its own rule and is removed, unless it is ``unplanned``."""
    state: bytes
    """The strategy's new state."""
    run: Run
    unplanned: bool = False
    """No next run could be planned, and ``firing`` is ``None``: the run is added to the history and the schedule stays, as if
    it were paused. It goes on to name the settled firing, so it is among ``Backend.idle_schedules``."""


class Run(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One line of a schedule's bounded history."""

    id: str
    began: float
    took: float
    verdict: str
    """The final state the firing reached: complete, error, killed or expired."""
    interval: float | None
    """Seconds that the strategy chose to wait until the next run; ``None``: no next run. Where it failed: what it chose before."""
    late: float = 0.0
    """Seconds from its due time to its beginning."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How one claim ended. It is settled in one atomic step with all that follows from it."""

    id: str
    token: int
    verdict: Verdict
    result: bytes | None = None
    """Encoded return value (complete) or encoded failure (error, killed); no store looks inside."""
    attempt_state: bytes | None = None
    """New attempt state; ``None`` leaves the old one."""
    due: float | None = None
    """For retry and snooze: earliest next start, absolute. ``None``: ``delay`` from the store's now.
    A release keeps the firing's own due time unless ``due`` or ``delay`` is given."""
    delay: float = 0.0
    began: float | None = None
    """When the job's code began, store's time; ``None``: it did not begin."""
    took: float = 0.0
    """How long the job's code ran, in seconds."""
    ttl: float | None = None
    """Seconds to keep a finished firing; ``None``: the backend's default for that state."""
    follow: tuple[Firing, ...] = ()
    """Firings to enqueue in the same step."""
    refire: Refire | None = None
    queue: str = ""
    """Queue, route, due time, job, tags, key and parent of the claim, so that no store has to look them up to count and to list
    the outcome. The worker sets them all; where ``queue`` is empty, none of them is known."""
    route: str = ""
    was_due: float | None = None
    job: str = ""
    tags: tuple[str, ...] = ()
    key: str | None = None
    parent: str | None = None
    error: str | None = None
    """Why it failed, for people and for grouping: one line ``type: message`` of at most MAX_ERROR characters, or the type
    alone. With error, killed, expired, retry, and a release by a worker that does not know the job."""


class Record(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Everything that a store knows about one firing, for people and handles to read."""

    id: str
    queue: str
    route: str
    state: State
    body: bytes
    priority: int
    enqueued: float
    due: float
    token: int
    began: float | None = None
    """When its last attempt was claimed (running) or began (finished); ``None`` while it is pending, and where it never began."""
    finished: float | None = None
    expires: float | None = None
    key: str | None = None
    target: str | None = None
    worker: str | None = None
    """Id of the worker that holds it, or held it last."""
    lease_left: float | None = None
    """Seconds left of the lease while running; negative: the lease ran out and was not taken back yet."""
    deaths: int = 0
    evidence: str = ""
    attempt_state: bytes | None = None
    result: bytes | None = None
    progress: bytes | None = None
    kill_requested: bool = False
    job: str = ""
    tags: tuple[str, ...] = ()
    schedule: str | None = None
    parent: str | None = None
    error: str | None = None
    """The error line of the last outcome that had one."""
    took: float | None = None
    """Seconds for which the code of the last attempt ran, once finished."""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a listing; ask again with ``after=next`` until ``next`` is ``None``."""

    records: tuple[Record, ...]
    next: str | None
    """Opaque cursor."""


class RouteInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One route of one queue, and how many firings it has."""

    queue: str
    route: str
    paused: bool
    """By itself or with its whole queue."""
    counts: dict[State, int]
    """How many firings are in each state; every state is in it, also with 0."""
    oldest_due: float | None
    """The earliest due time of a pending firing; ``None``: nothing is pending."""
    exact: bool = True
    """False: there are so many that the store estimates, and its numbers may be a little off."""


class Minute(msgspec.Struct, frozen=True, kw_only=True):
    """Counters of one queue and route over one minute; see ``counters`` for the names."""

    queue: str
    route: str
    minute: int
    """Minutes since the epoch."""
    values: dict[str, float]


class WorkerRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One worker process, as listed."""

    id: str
    """New at every start, so the id of a dead worker is never used again."""
    queue: str
    route: str
    pool: str
    host: str
    pid: int
    started: float
    beat: float = 0.0
    """Last heartbeat, store's time."""
    state: str = "starting"
    """``starting``, ``idle``, ``busy``, ``quiet`` (told to begin nothing more; it may still run something), ``stopping`` or
    ``disconnected`` (the store has not answered it for too long)."""
    current: str | None = None
    """Firing that runs now."""
    done: int = 0
    """Firings settled since it started."""
    rss: int = 0
    """Resident memory in bytes."""
    version: str = ""
    """Version of ``skunkqueue`` that it runs, so that ``skunq doctor`` can see which workers were not restarted."""
    running: tuple[str, ...] = ()
    """The firings that it runs, at most MAX_RUNNING of them."""
    more: int = 0
    """How many it runs beside those in ``running``."""
    routes: tuple[str, ...] = ()
    """All routes that it listens on, ``route`` first. Older versions give none: then ``route`` alone."""

    def __post_init__(self) -> None:
        if not self.routes:
            msgspec.structs.force_setattr(self, "routes", (self.route,))
        if self.state == "deaf":
            # What workers of earlier versions say.
            msgspec.structs.force_setattr(self, "state", "disconnected")

    @property
    def places(self) -> list[tuple[str, str]]:
        """List each of its routes with its queue."""
        return [(self.queue, route) for route in self.routes]

    def listens_on(self, queue: str | None, route: str | None) -> bool:
        """Return whether it listens on a route of a queue; ``None``: on any."""
        return queue in (None, self.queue) and (route is None or route in self.routes)


MAX_RUNNING = 100


class Command(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An order in the mailbox of a worker or of a pool."""

    verb: str
    """To a worker: ``stop`` (gentle), ``rough`` (stop roughly), ``restart``, or ``kill`` (one firing). To a pool: ``quiet``
    (begin nothing more, stay listed), ``resume`` (end that), ``stop``, ``rough``, ``restart`` (its workers one after
    another); with ``worker``, what is for one of its workers."""
    firing: str | None = None
    worker: str | None = None
    id: str | None = None
    """Id of its entry in the audit log, where its receipt is noted; ``None``: none is wanted."""

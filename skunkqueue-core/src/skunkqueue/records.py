"""Plain data that passes between all other parts: firings, claims, outcomes, workers, schedules.

Everything here is frozen and keyword-only, and knows nothing of stores, jobs or processes.
The structs come from msgspec and not from dataclasses because thousands a second are made: a frozen
slotted dataclass of a claim's fields costs 3.7 µs to build, a struct 1.1 µs. None of those made in numbers can be
part of a cycle, so the collector need not look at them (``gc=False``).

Times are seconds since the epoch by the *store's* clock, durations are seconds, both as float.
"""

from __future__ import annotations

from enum import Enum

import msgspec

DEFAULT_ROUTE = "default"
DEFAULT_PRIORITY = 5
MIN_PRIORITY = 0
MAX_PRIORITY = 9
MAX_JOB = 200
"""Bytes of UTF-8 that a firing's job name has at most."""
MAX_TAGS = 8
MAX_TAG = 50
"""Characters of a tag."""
MAX_ERROR = 200
"""Characters of an error line."""


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
        """Say whether a firing in this state is finished."""
        return self not in (State.PENDING, State.RUNNING)


FINAL_STATES = tuple(state for state in State if state.final)


class Verdict(str, Enum):
    """What a worker says of a claim when it settles it, and the state that follows."""

    COMPLETE = "complete"
    """It ran and returned."""
    ERROR = "error"
    """It failed for good."""
    KILLED = "killed"
    """It was stopped by somebody's order."""
    EXPIRED = "expired"
    """Its time ran out before it began."""
    RETRY = "retry"
    """It failed and is to run again: back to pending, counted as retried."""
    SNOOZE = "snooze"
    """It asked to run later: back to pending."""
    RELEASE = "release"
    """It was never begun, or stopped through no fault of its own: back to pending, its place kept."""
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


class Firing(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One run of a job, as it is put into a store."""

    id: str
    """24 hexadecimal digits that sort by the time of making (``ids.new_id``)."""
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
    """When it is too late to begin, absolute; ``None``: see ``expires_in``."""
    expires_in: float | None = None
    """The same in seconds from the store's now; ``None`` in both: never."""
    key: str | None = None
    """Idempotency key, unique in its queue among pending and running firings."""
    target: str | None = None
    """The one worker that may claim it (a broadcast's copy); ``None``: any worker of the route."""
    job: str = ""
    """The job's name, a chain's joined; at most MAX_JOB bytes of UTF-8. For listings and counters, never to run it."""
    tags: tuple[str, ...] = ()
    """At most MAX_TAGS words by which people find it."""
    schedule: str | None = None
    """Name of the schedule that made it."""
    parent: str | None = None
    """Id of the firing whose job fired it."""


class Claim(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """A firing lent to one worker until its lease ends.

    Encoded as an array, what is the same in a whole batch first and what a store keeps as it came last, so
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
    """How often a lease of it ended, or its worker died while it ran: the lines of ``evidence``."""
    evidence: str
    """One line of JSON (``Death``) for each of these deaths, oldest first."""
    kill_requested: bool
    """Somebody killed it while its last holder was out of reach: settle it as killed, do not run it."""
    job: str = ""
    tags: tuple[str, ...] = ()
    schedule: str | None = None
    parent: str | None = None


class ClaimRef(msgspec.Struct, frozen=True, gc=False):
    """What proves a claim to the store: which firing, which token."""

    id: str
    token: int
    begun: bool = False
    """In ``extend``: its job's code has begun. It proves nothing, and no other verb looks at it."""


class Death(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a worker died under a firing; kept as one line of JSON."""

    at: float
    worker: str
    cause: str
    """``lease`` (it ended), ``signal``, ``exit``, ``timeout`` (the pool killed it for one), ``rough``, ``stop``, or ``strategy``.

    The last: the job had run, and the strategy of its schedule was asked what follows.
    """
    signal: int | None = None
    exit_code: int | None = None
    rss: int | None = None
    """Peak resident memory of the worker in bytes, where known."""
    begun: bool = True
    """The firing's job had begun. False, only with ``lease``: nobody had said so before the lease ended, so it may not have."""


class Refire(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The next run of a schedule, to be armed in the same atomic step that settles this one.

    It does nothing where the schedule is gone, was replaced (other generation), or its ``firing`` is not
    the one that settles. Where it is paused, its state and history are updated but nothing is armed.
    """

    queue: str
    name: str
    generation: int
    firing: Firing | None
    """``None``: the schedule has ended by its own rule, and is removed."""
    state: bytes
    """The strategy's new state."""
    run: Run


class Run(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One line of a schedule's bounded history."""

    id: str
    began: float
    took: float
    verdict: str
    """The final state the firing reached: complete, error, killed or expired."""
    interval: float | None
    """Seconds the strategy chose to wait until the next run; ``None``: there is no next."""
    late: float = 0.0
    """Seconds from its due time to its beginning."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What became of one claim. Settled atomically with all that follows from it."""

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
    """Queue, route, due time, job, tags and key of the claim, so that no store has to look them up to count and to file
    the outcome. The worker sets them all; where ``queue`` is empty they are not known."""
    route: str = ""
    was_due: float | None = None
    job: str = ""
    tags: tuple[str, ...] = ()
    key: str | None = None
    error: str | None = None
    """Why it failed, for people and for grouping: one line ``type: message`` of at most MAX_ERROR characters, or the type
    alone. With error, killed, expired and retry."""


class Record(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Everything a store knows of one firing, for people and handles to read."""

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
    """When its last attempt was claimed (running) or began (finished)."""
    finished: float | None = None
    expires: float | None = None
    key: str | None = None
    target: str | None = None
    worker: str | None = None
    """Id of the worker that holds or last held it."""
    lease_left: float | None = None
    """Seconds left of the lease while running; negative: overdue for reclaim."""
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
    """The line that the last outcome which had one brought."""
    took: float | None = None
    """Seconds that the last attempt's code ran, once finished."""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A bounded piece of a listing; ask again with ``after=next`` until ``next`` is ``None``."""

    records: tuple[Record, ...]
    next: str | None
    """Opaque cursor."""


class RouteInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One route of one queue at a glance."""

    queue: str
    route: str
    paused: bool
    """By itself or with its whole queue."""
    counts: dict[State, int]
    """How many firings are in each state (every state is there, also with 0)."""
    oldest_due: float | None
    """Due time of the pending firing that is next in line by time; ``None``: nothing pending."""
    exact: bool = True
    """False: there are so many that a store reckons with them, and its numbers may be a little off."""


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
    """Fresh at every start, so a dead worker's name never comes back."""
    queue: str
    route: str
    pool: str
    host: str
    pid: int
    started: float
    beat: float = 0.0
    """Last heartbeat, store's time."""
    state: str = "starting"
    """``starting``, ``idle``, ``busy``, ``quiet`` (idle, and told to begin nothing more), ``stopping`` or ``disconnected`` (the
    store has not answered it for too long)."""
    current: str | None = None
    """Firing that runs now."""
    done: int = 0
    """Firings settled since it started."""
    rss: int = 0
    """Resident memory in bytes."""
    version: str = ""
    """Version of ``skunkqueue`` it runs, so that `skunq doctor` can see what was not restarted."""
    running: tuple[str, ...] = ()
    """Every firing that it runs, at most MAX_RUNNING of them."""
    routes: tuple[str, ...] = ()
    """All that it listens on, ``route`` first. Where nothing is given, as by older versions: ``route`` alone."""

    def __post_init__(self) -> None:
        if not self.routes:
            msgspec.structs.force_setattr(self, "routes", (self.route,))
        if self.state == "deaf":
            # What workers of earlier versions say.
            msgspec.structs.force_setattr(self, "state", "disconnected")

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
    """Of its entry in the audit log, to which the receipt goes; ``None``: nobody waits for one."""


class Schedule(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A named compound job that refires itself."""

    queue: str
    name: str
    route: str
    strategy: str
    """Name in the entry-point group ``skunkqueue.strategies``."""
    params: bytes
    """The strategy's parameters, encoded; no store looks inside."""
    state: bytes
    """The strategy's state after the last run, encoded."""
    body: bytes
    """Body of each firing it makes."""
    priority: int = DEFAULT_PRIORITY
    generation: int = 0
    """Given by the store; grows each time the declaration changes, and none comes back after a removal."""
    paused: bool = False
    firing: str | None = None
    """Id of the firing that is armed or running; only its outcome may refire the schedule."""
    declared: float = 0.0
    runs: int = 0
    last_run: float | None = None
    took: float | None = None
    """Run time of the last run."""
    verdict: str | None = None
    """The final state that the last run reached."""
    next_run: float | None = None
    interval: float | None = None
    """What the strategy last chose, in seconds."""

    def declares_the_same_as(self, other: Schedule) -> bool:
        """Say whether declaring the one over the other changes nothing."""
        return all(getattr(self, field) == getattr(other, field) for field in DECLARED)


DECLARED = ("route", "strategy", "params", "body", "priority")
"""What makes two declarations of a name the same."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How a schedule stood when what is to take its place was planned."""

    generation: int
    firing: str | None
    runs: int
    running: bool
    """Its firing had begun."""

    @classmethod
    def of(cls, schedule: Schedule, *, running: bool) -> Standing:
        """Say how a schedule stands now."""
        return cls(
            generation=schedule.generation, firing=schedule.firing, runs=schedule.runs, running=running
        )

    def is_that_of(self, schedule: Schedule | None) -> bool:
        """Say whether a schedule is as it was, but for whether its firing runs, which it does not know."""
        if schedule is None:
            return False
        return (schedule.generation, schedule.firing, schedule.runs) == (
            self.generation,
            self.firing,
            self.runs,
        )

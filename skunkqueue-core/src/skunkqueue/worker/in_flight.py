"""What a worker has in hand, shared by its threads without a lock.

The main thread takes the next claim with ``popleft`` and the maintenance thread gives claims back with ``pop``;
either is one step under the GIL, so a claim goes to exactly one of them. The same holds for finished
firings, which the main thread and the maintenance thread settle, and the main and the async thread add.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from skunkqueue.payload import AttemptState, Body
from skunkqueue.records import Claim, ClaimRef, Outcome

NEVER = float("inf")
GAP = 0.5
"""Seconds without a look after which a process was stopped; the watchdog looks several times as often."""
KILL_AFTER = 2.0
"""Seconds that a job which has timed out has to clean up before its worker is killed."""


class Running(NamedTuple):
    """A job whose code runs."""

    claim: Claim
    began: float
    """Monotonic; NEVER: its job's code has not begun, it waits for the event loop."""
    deadline: float
    """Monotonic; NEVER without a timeout, and while its module is imported or its arguments are read."""


class Finished(NamedTuple):
    """An outcome that is to be settled, and what to tell of it then."""

    claim: Claim
    outcome: Outcome
    name: str
    value: Any = None
    """What the job returned, as the log may show it; it runs none of the user's code."""
    note: str | None = None
    """What to log instead; a failure has one."""
    schedule: str | None = None
    """The schedule to refire."""
    attempts: int = 1

    def with_outcome(self, outcome: Outcome) -> Finished:
        """Return the same with another outcome; a quarter of the cost of ``_replace``."""
        claim, _, name, value, note, schedule, attempts = self
        return Finished(claim, outcome, name, value, note, schedule, attempts)


class Midway(NamedTuple):
    """A chain that is to go on in the main thread, after a step on the event loop."""

    claim: Claim
    body: Body
    attempt_state: AttemptState
    began: float
    """Monotonic time at which this attempt began."""


class Ahead(NamedTuple):
    """Claims that were asked for while others ran."""

    answer: Callable[[], list[Claim]]
    asked: float
    """Monotonic."""
    leased: float
    """The same by the lease clock."""


class InFlight:
    """All of it."""

    __slots__ = (
        "ahead",
        "beside",
        "finished",
        "gap",
        "holding",
        "kills",
        "lease",
        "lease_clock",
        "leased",
        "looked",
        "lost",
        "midway",
        "monotonic",
        "offset",
        "planning",
        "progress",
        "running",
        "settling",
        "stopping",
        "unbegun",
        "waiting",
    )

    def __init__(
        self, monotonic: Callable[[], float], lease_clock: Callable[[], float], lease: float
    ) -> None:
        self.monotonic = monotonic
        self.lease_clock = lease_clock
        """What leases are reckoned by here: it goes on while the machine is suspended, as a store's clock does."""
        self.lease = lease
        self.offset = 0.0
        """What to add to monotonic time to get the store's, as of the last claim."""
        self.ahead: deque[Ahead] = deque()
        """What was asked for ahead of time and not taken yet: one at most."""
        self.unbegun: deque[Claim] = deque()
        """Claimed, and to be run in this order."""
        self.running: Running | None = None
        """In the main thread."""
        self.beside: dict[str, Running] = {}
        """On the event loop, by firing id."""
        self.finished: deque[Finished] = deque()
        self.planning: Running | None = None
        """What has run in the main thread and is a schedule's, while its strategy is asked what follows."""
        self.settling: dict[int, Sequence[Finished]] = {}
        """Batches that are about to be settled, while strategies are asked what follows, by thread."""
        self.midway: deque[Midway] = deque()
        self.stopping = False
        """The worker is to end; jobs may look."""
        self.holding = False
        """Nothing more is to begin, until somebody says so."""
        self.waiting = 0.0
        """Since when the main thread waits for room on the event loop (monotonic); 0: it does not."""
        self.leased = 0.0
        """Since when a lease of ours may not have been extended, by the lease clock."""
        self.looked = lease_clock()
        """When this process last was seen to run, by the lease clock."""
        self.gap = (self.looked, self.looked)
        """The last time for which it did not run: it was stopped, or a job held the GIL."""
        self.kills: dict[str, float] = {}
        """Ids of firings that somebody wants killed, and when that was heard (monotonic)."""
        self.lost: set[ClaimRef] = set()
        """Claims whose lease is lost: their outcomes count for nothing."""
        self.progress: dict[ClaimRef, bytes] = {}
        """Encoded reports that jobs told of themselves and nobody has sent yet."""

    def take(self, claims: Sequence[Claim], asked: float, leased: float) -> None:
        """Take claims in hand; by the main thread or the fetcher thread.

        ``asked``: when they were asked for, monotonic. ``leased``: when they were lent at the earliest, by the
        lease clock.
        """
        # The store lent them between asking and now.
        claimed = claims[0].claimed
        self.offset = min(max(self.offset, claimed - self.monotonic()), claimed - asked)
        if not (self.beside or self.unbegun or self.running is not None):
            self.leased = leased
            self.lost.clear()
        else:
            self.leased = min(self.leased, leased)
        self.unbegun.extend(claims)

    def pop_ahead(self) -> Ahead | None:
        """Take over what was asked for ahead; ``None`` where there is none, or another thread was first."""
        try:
            return self.ahead.popleft()
        except IndexError:
            return None

    def look(self) -> None:
        """Note that this process runs; the watchdog calls it all the time."""
        now = self.lease_clock()
        if now - self.looked > GAP:
            self.gap = (self.looked, now)
        self.looked = now

    def lent_since(self, asked: float) -> float:
        """Return when claims that have just come were lent at the earliest, by the lease clock.

        They may have come long ago, if this process was stopped. ``asked``: when the wait for them began.
        """
        began, ended = self.gap
        return max(asked, began if ended > asked else self.looked)

    @property
    def is_late(self) -> bool:
        """Return whether a lease of what is held may be over, so that nothing more of it must begin."""
        return self.lease_clock() - self.leased > self.lease

    def store_time(self) -> float:
        """Tell the store's time without asking it."""
        return self.monotonic() + self.offset

    @property
    def is_busy(self) -> bool:
        """Say whether any claim is held."""
        return self.running is not None or bool(self.beside or self.unbegun or self.finished or self.settling)

    def begun(self) -> list[Running]:
        """List what runs now."""
        running = self.running
        # list() of a dictionary's values is one step, unless somebody's __del__ runs in between.
        return [*self.beside.copy().values(), *((running,) if running is not None else ())]

    def begun_ids(self) -> set[str]:
        """List what has begun of all that is held, whether it still runs or not."""
        found = {one.claim.id for one in self.begun() if one.began != NEVER}
        found |= {one.claim.id for one in self.midway.copy()}
        return found | {one.claim.id for one in self.finished.copy() if one.outcome.began is not None}

    def held(self) -> list[Claim]:
        """List every claim whose lease is to be kept."""
        found = [one.claim for one in self.finished.copy()]
        found += [one.claim for batch in self.settling.copy().values() for one in batch]
        found += [one.claim for one in self.midway.copy()]
        found += self.unbegun.copy()
        found += [one.claim for one in self.begun()]
        return found


def ref_of(claim: Claim) -> ClaimRef:
    """Return what proves a claim to the store."""
    return ClaimRef(claim.id, claim.token)

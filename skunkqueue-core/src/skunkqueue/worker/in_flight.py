"""What a worker has in hand, shared by its threads without a lock.

Each change is one step under the GIL, such as ``popleft``: so a claim that the main thread and the maintenance thread
both want goes to exactly one of them. Beside each field: who writes it, and who reads it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from skunkqueue.records import Claim, ClaimRef
from skunkqueue.worker.attempt import NEVER, Attempt

GAP = 0.5
"""Seconds without a look after which a process was stopped; the watchdog looks several times as often."""
KILL_AFTER = 2.0
"""Seconds that a job which has timed out has to clean up before its worker is killed."""


class ClaimedAhead(NamedTuple):
    """Claims that were asked for while others ran."""

    answer: Callable[[], list[Claim]]
    asked: float
    """Monotonic."""
    leased: float
    """The same by the lease clock."""


class Planning(NamedTuple):
    """A run of a schedule whose strategy is asked what follows."""

    claim: Claim
    since: float
    """Monotonic."""


class InFlight:
    """All of it."""

    __slots__ = (
        "ahead",
        "beside",
        "between_steps",
        "finished",
        "gap",
        "holding",
        "interrupt_all",
        "kills",
        "lease",
        "lease_clock",
        "leased",
        "looked",
        "lost",
        "monotonic",
        "offset",
        "out_of_sight",
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
        # Set once.
        self.monotonic = monotonic
        self.lease_clock = lease_clock
        """Leases are reckoned by it here: it goes on while the machine is suspended, as a store's clock does."""
        self.lease = lease

        # The way of a firing: claimed ahead, not begun, running, between two steps, finished, being settled.
        self.ahead: deque[ClaimedAhead] = deque()
        """Asked for ahead of time and not taken yet, one at most. Main thread; the maintenance thread takes it when it waits for long."""
        self.unbegun: deque[Claim] = deque()
        """Claimed, to be run in this order. Main, fetcher and maintenance threads add; main takes from the left, maintenance from the right."""
        self.running: Attempt | None = None
        """Runs in the main thread, which writes it. Read by the watchdog and the maintenance thread."""
        self.beside: dict[int, Attempt] = {}
        """Run on the event loop or on threads, by their rows on the scoreboard. The main thread adds, the event loop's thread removes."""
        self.between_steps: deque[Attempt] = deque()
        """Chains whose next step is to begin. Main thread and event loop's thread add; main takes."""
        self.finished: deque[Attempt] = deque()
        """Judged, to be settled. Main thread and event loop's thread add; main and maintenance threads take."""
        self.out_of_sight = 0
        """Odd while the maintenance thread has some of these in none of these places, since it gives them back or settles them; it counts."""
        self.settling: dict[int, Sequence[Attempt]] = {}
        """Batches that are about to be settled, while strategies are asked what follows, by thread. ``Settler``; read by ``held``."""
        self.planning: Planning | None = None
        """The run whose strategy the main thread asks. ``Strategies``; read by the heartbeat."""

        # What the worker is to do.
        self.stopping = False
        """It is to end. ``Loop.stop``; read by jobs (``current_job().stopping``)."""
        self.holding = False
        """Nothing more is to begin, until somebody says so. ``Loop.hold``; read by the loop and the heartbeat."""
        self.interrupt_all: str | None = None
        """Why everything that runs is to be interrupted. ``Orders``; read by the watchdog."""
        self.kills: dict[str, float] = {}
        """Ids of firings to be killed, and when that was heard (monotonic). Command listener; read by watchdog and runner; forgotten by maintenance."""
        self.waiting = 0.0
        """Since when the main thread waits for room on the event loop (monotonic); 0: it does not. Main thread; read by maintenance."""

        # Leases, and the clock of the store.
        self.offset = 0.0
        """Added to monotonic time it gives the store's, as of the last claim. ``take``."""
        self.leased = 0.0
        """Since when a lease may not have been extended, by the lease clock. ``take`` and the lease keeper; read before each job."""
        self.lost: set[ClaimRef] = set()
        """Claims whose lease is lost: their outcomes count for nothing. Lease keeper; read by watchdog and judge."""
        self.looked = lease_clock()
        """When this process was last seen to run, by the lease clock. Watchdog (``look``)."""
        self.gap = (self.looked, self.looked)
        """The last time for which it did not run: it was stopped, or a job held the GIL. Watchdog; read by ``lent_since``."""

        self.progress: dict[ClaimRef, bytes] = {}
        """Encoded reports that jobs made and nobody has sent yet. Jobs; sent by maintenance, and by the judge at the end."""

    def take(self, claims: Sequence[Claim], asked: float, leased: float) -> None:
        """Take claims in hand; called by the main thread and by the fetcher thread.

        ``asked``: when they were asked for, monotonic. ``leased``: when they were claimed at the earliest, by the
        lease clock.
        """
        # The store made these claims between asking and now.
        claimed = claims[0].claimed
        self.offset = min(max(self.offset, claimed - self.monotonic()), claimed - asked)
        if not (self.beside or self.unbegun or self.running is not None):
            self.leased = leased
            self.lost.clear()
        else:
            self.leased = min(self.leased, leased)
        self.unbegun.extend(claims)

    def pop_ahead(self) -> ClaimedAhead | None:
        """Take over what was asked for ahead; ``None``: nothing was, or another thread was first."""
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
        """Return when claims that have just come were made at the earliest, by the lease clock.

        They may have come long ago, if this process was stopped. ``asked``: when the wait for them began.
        """
        began, ended = self.gap
        return max(asked, began if ended > asked else self.looked)

    @property
    def is_late(self) -> bool:
        """Return whether a lease of what is held may be over, so that nothing more of it must begin."""
        return self.lease_clock() - self.leased > self.lease

    def store_time(self) -> float:
        """Return the store's time without asking it."""
        return self.monotonic() + self.offset

    @property
    def is_busy(self) -> bool:
        """Return whether any claim is held."""
        return self.running is not None or bool(self.beside or self.unbegun or self.finished or self.settling)

    def begun(self) -> list[Attempt]:
        """List what runs now."""
        running = self.running
        # list() of a dictionary's values is one step, unless somebody's __del__ runs in between.
        return [*self.beside.copy().values(), *((running,) if running is not None else ())]

    def begun_ids(self) -> set[str]:
        """List what has begun of all that is held, whether it still runs or not."""
        found = {one.claim.id for one in self.begun() if one.since != NEVER}
        found |= {one.claim.id for one in self.between_steps.copy()}
        return found | {one.claim.id for one in self.finished.copy() if one.outcome.began is not None}

    def held(self) -> list[Claim]:
        """List every claim whose lease is to be kept."""
        found = [one.claim for one in self.finished.copy()]
        found += [one.claim for batch in self.settling.copy().values() for one in batch]
        found += [one.claim for one in self.between_steps.copy()]
        found += self.unbegun.copy()
        found += [one.claim for one in self.begun()]
        return found

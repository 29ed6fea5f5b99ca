"""The verbs a store must have. ``skunkqueue.contract`` tests what each of them promises.

A backend keeps records and knows nothing of jobs, policies or processes: bodies, attempt states, results and
strategy states are bytes to it. Every verb may be called from any thread, and raises only ``BackendError`` and
its subclasses for what the store does. Verbs of the hot path take many at once and cost few round trips.

What is accepted happens, all of it: a batch of firings is in or not, and an outcome takes effect with all that
follows from it or not at all, whenever a process or the store dies. A store without transactions may come to that
in several steps; what a process that died left half done is then finished, ``HALF_DONE`` seconds later, by whoever
waits or sweeps. Each firing changes in one step, but who reads several while a verb is at work may see some before
it and some after. Counters are statistics: exact as long as nobody dies, and never more than what happened.
(``docs/adr/0006`` says why.)

A backend is opened in the process that uses it, never carried over a fork.

A store retries by itself what is worth a retry (a conflict between two transactions, a lost connection, a fail-over), for
as long as its settings allow, and raises ``BackendUnavailableError`` then. Callers repeat nothing on their own account. A
request whose reply was lost may have been carried out: a verb that is sent again answers as the first time.

After ``close`` every verb raises ``BackendError``; those that block (``wait``, ``claim_next``, ``wait_settled``, ``listen``)
may return nothing instead. ``location`` and ``version`` go on answering.

``persistence/rules.py`` has what all stores compute alike.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal

import msgspec

from skunkqueue.clock import SYSTEM_CLOCK, Clock
from skunkqueue.errors import BackendError
from skunkqueue.persistence.asking import Asking
from skunkqueue.persistence.awaited import AwaitedClaim, begun_on_each, wait_by_looking
from skunkqueue.records import (
    Claim,
    ClaimRef,
    Command,
    Death,
    Firing,
    Minute,
    Outcome,
    Page,
    Record,
    RouteInfo,
    Run,
    Schedule,
    Standing,
    State,
    WorkerRecord,
)

COMPLETE_TTL = 86_400.0
"""Seconds a complete firing is kept where its job says nothing."""
FAILED_TTL = 7 * 86_400.0
"""The same for error, killed and expired."""
COUNTER_TTL = 86_400.0
"""Seconds the counters a minute are kept."""
HISTORY_LENGTH = 100
"""Runs kept in a schedule's history."""
HALF_DONE = 2.0
"""Seconds after which whoever waits or sweeps finishes what a process that died left half done."""
MAX_PAGE = 1_000
"""The largest ``limit`` of a listing; larger ones are cut to it."""


class BackendConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How to open a store: the backend's name, its URL, and options of its own."""

    backend: str
    url: str | None = None
    """``None``: the backend's default place. Its query is still there, though ``options`` has it already."""
    dbname: str = "skunkqueue"
    """Which of several stores of one server. A name that nobody gave cannot be told from this default given on purpose:
    a store whose URL may name one as well (``mongodb://host/shop``) takes the URL's where this is the default."""
    options: dict[str, str] = {}
    """From the URL's query (``sqlite:////var/lib/app.db?durability=power``) and keyword arguments, which win. Read settings
    only from here; refuse a name that is not an option of yours."""
    create: bool = True
    """Whether a store that is not there is made. ``False``, as commands that only read ask: raise StoreMissingError instead,
    and make nothing. A backend that does not look at this makes it all the same."""


class Remark(msgspec.Struct, frozen=True, kw_only=True):
    """What a store says of the way it is set up, and what to do about it."""

    level: Literal["ok", "notice", "problem"]
    """``notice``: worth knowing, nothing need be done; ``problem``: something to fix."""
    text: str
    cure: str = ""


class Backend(Asking, ABC):
    """One store. See the module for what holds of every verb."""

    name: ClassVar[str]
    """Its name in the entry-point group ``skunkqueue.backends``, which is also its URL scheme."""
    default_cfg: ClassVar[Mapping[str, Any]]
    """What ``SkunkQueue('demo', **default_cfg)`` needs."""
    capabilities: ClassVar[frozenset[str]] = frozenset()
    """What it can do beyond the contract's core. ``durable``: survives a process crash.
    ``processes``: several processes may open one store at once. ``rows``, ``counters``, ``pools``, ``audit``,
    ``schedule pages``: the verbs of ``asking`` under these heads. ``transactions``: ``enqueue_in``."""
    max_payload: ClassVar[int | None] = None
    """Bytes that a body, an attempt state or a result may have at most; ``None``: as many as users allow."""

    @classmethod
    @abstractmethod
    def open(cls, config: BackendConfig, *, clock: Clock = SYSTEM_CLOCK) -> Backend:
        """Open the store, making its schema where there is none.

        Backends with a clock of their own use ``clock`` only where it is not the system clock (tests).
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of it; safe to call twice. Blocked waits return."""

    @abstractmethod
    def location(self) -> str:
        """Tell where it is, for people; without passwords."""

    @abstractmethod
    def version(self) -> str:
        """Tell what answers there, for people (``SQLite 3.40.1``)."""

    @abstractmethod
    def now(self) -> float:
        """Tell the store's time, which judges due times and expiry."""

    def remarks(self) -> Sequence[Remark]:
        """Say what of the way its server is set up is worth knowing or needs a fix, for ``skunq doctor``; changes nothing."""
        return ()

    # --- the hot path -----------------------------------------------------------------------------

    @abstractmethod
    def enqueue(self, firings: Sequence[Firing]) -> list[str]:
        """Put in all or none; when it returns they are durable.

        Returns one id for each, in order: its own, or that of the pending or running firing of the
        same queue that has its idempotency key already (then nothing is put in for it). A firing whose
        own id is known already is left as it is and its id returned, so a call may be repeated.
        """

    def enqueue_in(self, transaction: Any, firings: Sequence[Firing]) -> list[str]:
        """Put in as ``enqueue`` does, within a transaction that the caller has begun on the same server: capability ``transactions``.

        They are in if the caller commits, and otherwise not. Nothing is committed, rolled back or begun anew here, and what
        the server's client raises is left to the caller, who may have to try again: what a transaction object puts in over
        all its tries is in once. Raises BackendError for what is no such transaction, and where the store cannot.
        """
        del transaction, firings
        msg = (
            f"the store {self.name} cannot enqueue in a transaction of yours: fire after it has committed, with an"
            f" idempotency_key if that may happen twice. The store fdb can (pip install 'skunkqueue[fdb]')"
        )
        raise BackendError(msg)

    @abstractmethod
    def claim(self, queue: str, route: str, worker: str, limit: int, lease: float) -> list[Claim]:
        """Lend up to ``limit`` due firings of a route to a worker for ``lease`` seconds.

        Highest priority first, then earliest due, then lowest id. What another worker's lease ran out
        on is claimable again, in its old place, and counts a death with cause ``lease``; ``begun`` is False in it
        unless ``extend`` was told of this claim that its job had begun. A firing with
        ``deaths`` > 0 comes alone: a batch ends before it, and it is the only one of its own, so that the
        next death under it can be told from its neighbours'. Nothing comes from a paused route or queue,
        nor another worker's ``target``; but a lease that ended on another's target is taken back and counted like
        any other. Firings past their expiry are handed out like others; the worker
        settles them.
        """

    @abstractmethod
    def settle(self, outcomes: Sequence[Outcome]) -> list[str]:
        """Hand in outcomes, each with all that follows from it; return the ids of the stale ones.

        An outcome is stale where the firing is no longer running under that token; it then changes
        nothing at all. The others are settled, each in one atomic step, also when some are stale.

        What each verdict does to the fields of the record (*kept*: as it was; *outcome's*: as the outcome says):

        ========  ========  ==========================  =============  =============  ==========
        verdict   state     due                         began, result  finished, ttl  counted as
        ========  ========  ==========================  =============  =============  ==========
        complete  complete  kept                        outcome's      now, its ttl   complete
        error     error     kept                        outcome's      now, its ttl   error
        killed    killed    kept                        outcome's      now, its ttl   killed
        expired   expired   kept                        outcome's      now, its ttl   expired
        retry     pending   outcome's                   kept           none           retried
        snooze    pending   outcome's                   kept           none           snoozed
        release   pending   kept, or outcome's if any   kept           none           released
        advance   running   kept                        kept           none           nothing
        ========  ========  ==========================  =============  =============  ==========

        With each of them: a ``attempt_state`` that is not ``None`` takes the place of the old one; deaths, evidence, token, a kill
        request and the last progress stay; the worker's id stays too, as that of the last holder. Only ``advance`` keeps the
        lease. A finished firing gives its idempotency key up. An error line takes the place of the old one where the outcome has one. What
        the outcome says of its claim (``queue`` and so on) may be relied on where ``queue`` is not empty.

        ``follow`` is enqueued as by ``enqueue``, after the firing itself is settled, so a finished one's
        key is free for it; ``refire`` as ``Refire`` says. Adds to the counters (``counters.tally``).
        """

    @abstractmethod
    def extend(self, claims: Sequence[ClaimRef], lease: float) -> list[str]:
        """Make leases last ``lease`` seconds from now; return the ids of those that are lost.

        A claim that comes with ``begun`` is remembered as such until it ends, also if later calls leave it out.

        A lease that ran out but was not reclaimed is extended like any other.
        """

    @abstractmethod
    def wait(self, queue: str, route: str, worker: str, timeout: float) -> bool:
        """Block until something may be claimable or the timeout (seconds) is over; say which.

        May return True too early, never sleeps through an enqueue, a due time or an expired lease.
        """

    def claim_next(
        self, queue: str, route: str, worker: str, limit: int, lease: float, *, timeout: float
    ) -> list[Claim]:
        """Claim as ``claim`` does, but block for up to ``timeout`` seconds while there is nothing.

        May return nothing too early. A store that can do both in one round trip starts jobs sooner; what
        it has lent when ``close`` interrupts it, it takes back at once.
        """
        if not self.wait(queue, route, worker, timeout):
            return []
        return self.claim(queue, route, worker, limit, lease)

    def begin_claim(
        self, queue: str, route: str, worker: str, limit: int, lease: float
    ) -> AwaitedClaim | None:
        """Begin what ``claim_next`` does, for a thread that waits for something else at the same time.

        So a worker's main thread is woken by the store itself, and no other thread has to wake it. ``None``: this store
        cannot be waited for by a file descriptor, or not as it was opened.
        """
        del queue, route, worker, limit, lease
        return None

    def wait_any(self, queue: str, routes: Sequence[str], worker: str, timeout: float) -> str | None:
        """Block as ``wait`` does, until something may be claimable on one of several routes; return which one, or ``None``.

        The caller claims from that route next: others that wait there may not have been woken. What is here looks at each
        route, 20 times a second; a store that can wait for all of them at once starts jobs sooner.
        """
        return wait_by_looking(lambda route: self.wait(queue, route, worker, 0.0), routes, timeout)

    def begin_claim_any(
        self, queue: str, routes: Sequence[str], worker: str, limit: int, lease: float
    ) -> AwaitedClaim | None:
        """Begin what ``begin_claim`` does on several routes, and lend from one of them: the first that has something.

        A store that may lend something to a claim while nobody asks for its answer does this in another way: the claims on
        the other routes must hold nothing once the first was answered.
        """
        return begun_on_each(lambda route: self.begin_claim(queue, route, worker, limit, lease), list(routes))

    def claim_ahead(
        self, queue: str, route: str, worker: str, limit: int, lease: float
    ) -> Callable[[], list[Claim]] | None:
        """Ask for claims that will be wanted soon, and go on; what is returned waits for the answer.

        It is called once, by whichever thread. ``None``: this store cannot.
        """
        del queue, route, worker, limit, lease
        return None

    # --- reading ----------------------------------------------------------------------------------

    @abstractmethod
    def get(self, ids: Sequence[str]) -> list[Record | None]:
        """Read firings by id, in order; ``None`` where there is none (any more). At most MAX_PAGE."""

    @abstractmethod
    def find(self, prefix: str, limit: int = 10) -> list[str]:
        """List ids that begin with ``prefix``, at most ``limit``, for people who type the start of one."""

    @abstractmethod
    def page(self, queue: str, route: str, state: State, limit: int = 50, after: str | None = None) -> Page:
        """List firings of one state: pending and running in claim order, finished ones newest first.

        ``after`` that no page gave raises ``BackendError``.
        """

    @abstractmethod
    def routes(self, queue: str | None = None) -> list[RouteInfo]:
        """List all routes known (of one queue), by queue and route name."""

    @abstractmethod
    def minutes(self, queue: str, route: str, since: int, until: int) -> list[Minute]:
        """Read the counters of the minutes ``since <= minute < until`` that have any, oldest first."""

    @abstractmethod
    def wait_settled(self, ids: Sequence[str], timeout: float) -> list[str]:
        """Block until at least one of these is finished or unknown, or timeout; return all such ids."""

    # --- control ----------------------------------------------------------------------------------

    @abstractmethod
    def kill(self, ids: Sequence[str]) -> dict[str, State | None]:
        """Kill firings; return the state each had before (``None``: unknown).

        A pending one is killed at once, and counted as ``killed``. A running one is marked (``kill_requested``) and a
        ``kill`` command put into its holder's mailbox; it is counted when it is settled. Finished ones stay as they are.
        """

    @abstractmethod
    def requeue(self, ids: Sequence[str]) -> list[str]:
        """Make finished firings pending and due now, as if fired anew.

        Deaths, attempt state, result, progress, kill request and expiry are cleared (one that has expired would
        only expire again), the error line, the number of attempts and how long it ran, too; all else stays, and the token
        goes on growing. Nothing is counted.

        Returns the ids that were; not those that are not finished, unknown, or whose idempotency key
        is in use by another.
        """

    @abstractmethod
    def purge(self, queue: str, route: str | None = None) -> int:
        """Remove all firings of a route (or of all routes) that are pending when it begins; return how many.

        Each is either removed or claimed, never both; what is fired meanwhile may stay.
        """

    @abstractmethod
    def pause(self, queue: str, route: str | None = None) -> None:
        """Let nothing more be claimed from a route, or from the whole queue, until ``resume``."""

    @abstractmethod
    def resume(self, queue: str, route: str | None = None) -> None:
        """End a pause. ``route=None`` ends the queue's own pause and those of all its routes."""

    @abstractmethod
    def prune(self, older: float | None = None, limit: int = 1_000) -> int:
        """Remove up to ``limit`` finished firings that are past their ttl; return how many.

        With ``older`` (seconds), those that finished longer ago than that, whatever their ttl. Also
        drops old counters. Calling it until it returns less than ``limit`` removes all.
        """

    @abstractmethod
    def progress(self, ref: ClaimRef, data: bytes) -> bool:
        """Save a running firing's progress; False where the claim is stale."""

    # --- workers ----------------------------------------------------------------------------------

    @abstractmethod
    def register(self, worker: WorkerRecord, lease: float) -> None:
        """List a worker until ``lease`` seconds after its last beat."""

    @abstractmethod
    def beat(self, worker: WorkerRecord, lease: float) -> bool:
        """Say that it lives, and how it is; False where it had vanished (it is listed again)."""

    @abstractmethod
    def unregister(self, worker: str) -> None:
        """Take it off the list, with its mailbox. Its claims are not touched."""

    @abstractmethod
    def workers(self, queue: str | None = None, route: str | None = None) -> list[WorkerRecord]:
        """List live workers, oldest first; dead ones are not listed even before anybody cleaned up.

        A worker that listens on several routes is listed under each of them, and once where no route is given.
        """

    @abstractmethod
    def reap(self, worker: str, begun: Sequence[str], death: Death) -> int:
        """Give back every claim of a dead worker at once; return how many.

        Those in ``begun`` had begun to run: they count a death and get the evidence. The others go
        back as if released. The worker is unregistered; copies targeted at it are killed.
        """

    @abstractmethod
    def send(self, worker: str, command: Command) -> bool:
        """Put a command into a live worker's mailbox; False where there is no such worker."""

    @abstractmethod
    def listen(self, worker: str, timeout: float) -> list[Command]:
        """Block until commands arrive for this worker or timeout; take them out."""

    @abstractmethod
    def sweep(self) -> int:
        """Do bounded housekeeping that any worker may do at any time; return how much was done.

        Forgets dead workers, kills what is targeted at a worker that is not listed (pending, or running
        with its lease over, since nobody else may claim it), and prunes some. Returns 0 where nothing was left to
        do, so that calling it until then cleans a store up.
        """

    # --- schedules --------------------------------------------------------------------------------

    @abstractmethod
    def declare(self, schedule: Schedule, firing: Firing, over: Standing | None = None) -> bool | None:
        """Declare a schedule and arm its first firing; False where the very same is there already.

        Same means: route, strategy, params, body and priority. Otherwise the old declaration is
        replaced, its armed firing (if pending) removed, its generation raised; history and pause stay.
        A paused schedule stays paused: the firing is not enqueued.

        From ``schedule`` come queue, name, route, strategy, params, state, body, priority and interval. The store sets all
        other fields, whatever they hold there (``rules.declared_over``): generation, declared, firing and next_run anew;
        paused, runs, last_run, took and verdict as they were.

        ``over``: what the declaration was planned over. ``None`` is answered, and nothing is changed, where
        that is no longer so: another generation, firing or number of runs, or its firing runs unexpectedly.
        """

    @abstractmethod
    def schedules(self, queue: str | None = None) -> list[Schedule]:
        """List all schedules (of one queue), by queue and name."""

    @abstractmethod
    def get_schedule(self, queue: str, name: str) -> Schedule | None:
        """Read one schedule; ``None`` where there is none."""

    def get_schedules(self, queue: str, names: Sequence[str]) -> list[Schedule | None]:
        """Read schedules of a queue by name, in order; ``None`` where there is none. At most MAX_PAGE.

        A store that reads them in one round trip runs schedules faster.
        """
        return [self.get_schedule(queue, name) for name in names]

    @abstractmethod
    def arm(
        self,
        queue: str,
        name: str,
        generation: int,
        firing: Firing,
        state: bytes | None = None,
        *,
        over: str | None = None,
    ) -> bool:
        """Put ``firing`` in the place of a schedule's pending one (run now, change, heal).

        ``state``, where given, takes the place of the strategy's. ``over``, where given, is the firing that
        the schedule must name still; otherwise False.
        False, and nothing is changed, where the schedule is gone, of another generation, paused, or its
        firing is running.
        """

    @abstractmethod
    def pause_schedule(self, queue: str, name: str) -> bool:
        """Remove its pending firing and arm no more until resumed; False where there is no such."""

    @abstractmethod
    def resume_schedule(
        self,
        queue: str,
        name: str,
        firing: Firing,
        generation: int | None = None,
        state: bytes | None = None,
    ) -> bool:
        """End a pause and arm this firing; False where there is no such schedule or no pause.

        False as well where ``generation`` is given and it has another. ``state``, where given, takes the
        place of the strategy's together with arming.

        While its firing is still live (it runs, or was settled as retry meanwhile) only the pause ends:
        settling that one arms the next.
        """

    @abstractmethod
    def remove_schedule(self, queue: str, name: str, generation: int | None = None) -> bool:
        """Forget a schedule, its history and its pending firing; a running one ends without refiring.

        False where there is none, or where ``generation`` is given and it has another.
        """

    @abstractmethod
    def history(self, queue: str, name: str) -> list[Run]:
        """Tell the last HISTORY_LENGTH runs of a schedule, oldest first."""

    @abstractmethod
    def idle_schedules(self, queue: str, route: str) -> list[Schedule]:
        """List unpaused schedules whose firing is no longer live (killed while pending, purged): to be armed."""

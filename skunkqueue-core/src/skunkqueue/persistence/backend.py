"""The verbs a store must have. ``skunkqueue.contract`` tests what each of them promises.

A backend keeps records and knows nothing of jobs, policies or processes: bodies, attempt states, results and
strategy states are bytes to it. Every verb may be called from any thread. Whatever the store does, a verb raises only
``BackendError`` and its subclasses. Verbs of the hot path take many firings at once and cost few round trips.
An id or a name that is not UTF-8 (half of a surrogate pair, as in the name of such a file) is answered like an unknown one,
or refused with ``BackendError`` (``encoding`` does that for a whole class). Where it is to be kept, it is kept or refused,
and a call that is refused changes nothing.

What a verb accepts takes effect as a whole, even when a process or the store dies: either all firings of a batch are put
in or none, and an outcome takes effect with all that follows from it or not at all. A store without transactions may do so
in several steps. It then finishes what a dead process left half done, ``HALF_DONE`` seconds later, in whichever process
waits or sweeps. Each firing changes in one step, but a reader of several firings may see some of them before
a verb and some after it. Counters are statistics: exact as long as no process dies, and never more than what happened.
(``docs/adr/0006`` says why.)

A backend is opened in the process that uses it; it does not survive a fork.

A store retries by itself what is worth a retry (a conflict between two transactions, a lost connection, a fail-over), for
as long as its settings allow; then it raises ``BackendUnavailableError``. Callers do not retry. A
request whose reply was lost may have been carried out: a verb that is sent again returns what it returned the first time.

After ``close`` every verb raises ``BackendError``; verbs that block (``wait``, ``claim_next``, ``wait_settled``, ``listen``)
may return nothing instead. ``location`` and ``version`` still answer.

The verbs are in four files: here those for firings and routes, and beside it ``asking``, ``worker_verbs`` and
``schedule_verbs``. ``rules`` has what all stores compute alike.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal

import msgspec

from skunkqueue.clock import SYSTEM_CLOCK, Clock
from skunkqueue.errors import BackendError
from skunkqueue.listings import Busiest
from skunkqueue.persistence.asking import Asking
from skunkqueue.persistence.awaited import AwaitedClaim, begun_on_each, wait_by_looking
from skunkqueue.persistence.route_pages import busiest_of, page_of
from skunkqueue.persistence.schedule_verbs import ScheduleVerbs
from skunkqueue.persistence.worker_verbs import WorkerVerbs
from skunkqueue.records import Claim, ClaimRef, Firing, Minute, Outcome, Page, Record, RouteInfo, State

COMPLETE_TTL = 86_400.0
"""Seconds for which a complete firing is kept where its job sets no time."""
FAILED_TTL = 7 * 86_400.0
"""The same for firings in the states error, killed and expired."""
COUNTER_TTL = 86_400.0
"""Seconds for which the counters of a minute are kept."""
HISTORY_LENGTH = 100
"""Runs that are kept in the history of a schedule."""
HALF_DONE = 2.0
"""Seconds after which a wait or a sweep finishes what a dead process left half done."""
MAX_PAGE = 1_000
"""The largest ``limit`` of a listing; a larger one is cut to it."""


class BackendConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How to open a store: the backend's name, its URL, and options of its own."""

    backend: str
    url: str | None = None
    """``None``: the backend's default. The query of the URL is still there, although ``options`` has it too."""
    dbname: str = "skunkqueue"
    """Which of several stores of one server. Whether a user gave this name or it is only the default cannot be seen:
    a store whose URL may name one as well (``mongodb://host/shop``) takes the URL's where this has its default value."""
    options: dict[str, str] = {}
    """From the query of the URL (``sqlite:////var/lib/app.db?durability=power``) and from keyword arguments, which win.
    A backend reads its settings only from here, and refuses a name that it does not know."""
    create: bool = True
    """Whether a missing store is made. ``False``, as for commands that only read: raise StoreMissingError instead, and make
    nothing. A backend that ignores this setting makes the store."""
    brief: bool = False
    """Whether it is closed again soon, as by most commands. A store may then do what would hold up other processes for
    longer. A backend may ignore this setting."""


class Remark(msgspec.Struct, frozen=True, kw_only=True):
    """What a store reports about the way it is set up, and what to do about it."""

    level: Literal["ok", "notice", "problem"]
    """``notice``: worth knowing, nothing needs to be done; ``problem``: something to fix."""
    text: str
    cure: str = ""


class Backend(Asking, WorkerVerbs, ScheduleVerbs, ABC):
    """One store. The module's docstring has what holds for every verb."""

    name: ClassVar[str]
    """Its name in the entry-point group ``skunkqueue.backends``, which is also its URL scheme."""
    default_cfg: ClassVar[Mapping[str, Any]]
    """What ``SkunkQueue('demo', **default_cfg)`` needs."""
    capabilities: ClassVar[frozenset[str]] = frozenset()
    """What it can do beyond the contract's core. ``durable``: survives a process crash.
    ``processes``: several processes may open one store at once. ``rows``, ``counters``, ``pools``, ``audit``,
    ``schedule pages``: the verbs under these headings in ``asking``. ``transactions``: ``enqueue_in``."""
    max_payload: ClassVar[int | None] = None
    """Bytes that a body, an attempt state or a result may have at most; ``None``: as many as users allow."""

    @classmethod
    @abstractmethod
    def open(cls, config: BackendConfig, *, clock: Clock = SYSTEM_CLOCK) -> Backend:
        """Open the store, and make its schema where it is missing.

        A backend with a clock of its own uses ``clock`` only where it is not the system clock (in tests).
        """

    @abstractmethod
    def close(self) -> None:
        """Close the store; safe to call twice. Blocked waits return."""

    @abstractmethod
    def location(self) -> str:
        """Return where the store is, for people; without passwords."""

    @abstractmethod
    def version(self) -> str:
        """Return the name and version of the store, for people (``SQLite 3.40.1``)."""

    @abstractmethod
    def now(self) -> float:
        """Return the store's time, which decides what is due or expired."""

    def remarks(self) -> Sequence[Remark]:
        """Report what is worth knowing or needs a fix in the way the store is set up, for ``skunq doctor``. Changes nothing."""
        return ()

    # --- the hot path -----------------------------------------------------------------------------

    @abstractmethod
    def enqueue(self, firings: Sequence[Firing]) -> list[str]:
        """Put in all firings or none; they are durable when it returns.

        Returns one id for each, in order: its own, or that of the pending or running firing of the
        same queue that already has its idempotency key (then this one is not put in). A firing whose
        own id is already known stays as it is, and its id is returned, so a call may be repeated.
        """

    def enqueue_in(self, transaction: Any, firings: Sequence[Firing]) -> list[str]:
        """Put in as ``enqueue`` does, within a transaction that the caller has begun on the same server: capability ``transactions``.

        They are in once the caller commits, and otherwise not. This verb does not commit, roll back or begin anything. What
        the server's client raises goes to the caller, who may have to try again: what one transaction object puts in over
        all its tries is in once. Raises BackendError for an object that is not such a transaction, and where the store cannot.
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

        Highest priority first, then earliest due, then lowest id.

        A firing whose lease ran out is claimable again, in its old place, and counts a death with cause ``lease``.
        ``begun`` is False in that death unless ``extend`` reported for this claim that its job had begun.

        A firing with ``deaths`` > 0 comes alone: a batch ends before it, and its own batch has no other firing, so that the
        next death under it is known to be its own.

        Nothing comes from a paused route or queue. A firing with a ``target`` goes to that worker only; a lease on it that
        ran out is taken back and counted by any worker. Firings past their expiry are lent like others; the worker
        settles them.
        """

    @abstractmethod
    def settle(self, outcomes: Sequence[Outcome]) -> list[str]:
        """Hand in outcomes, each with all that follows from it; return the ids of the stale ones.

        An outcome is stale where the firing is not running under that token any more; it then changes
        nothing. The others are settled, each in one atomic step, even when some are stale.

        What each verdict does to the fields of the record (*kept*: as it was; *outcome's*: as in the outcome; *none*: ``None``):

        ========  ========  ==========================  =============  =============  ==========
        verdict   state     due                         began, result  finished, ttl  counted as
        ========  ========  ==========================  =============  =============  ==========
        complete  complete  kept                        outcome's      now, its ttl   complete
        error     error     kept                        outcome's      now, its ttl   error
        killed    killed    kept                        outcome's      now, its ttl   killed
        expired   expired   kept                        outcome's      now, its ttl   expired
        retry     pending   outcome's                   none           none           retried
        snooze    pending   outcome's                   none           none           snoozed
        release   pending   kept, or outcome's if any   none           none           released
        advance   running   kept                        kept           none           nothing
        ========  ========  ==========================  =============  =============  ==========

        For all verdicts: an attempt state that is not ``None`` replaces the old one, and so does an error line. Deaths,
        evidence, token, a kill request and the last progress stay. The worker's id stays too, as that of the last holder.
        Only ``advance`` keeps the lease. A finished firing gives up its idempotency key. The fields of the outcome that
        describe its claim (``queue`` and so on) are right wherever ``queue`` is not empty.

        ``follow`` is enqueued as by ``enqueue``, after the firing itself is settled, so that the key of a finished firing
        is free for it. ``refire`` moves a schedule on (``records.Refire``). Adds to the counters (``counters.tally``).
        """

    @abstractmethod
    def extend(self, claims: Sequence[ClaimRef], lease: float) -> list[str]:
        """Make leases last ``lease`` seconds from now; return the ids of the claims that are lost.

        A claim with ``begun`` is remembered as begun until it ends, even if later calls leave ``begun`` out.

        A lease that ran out but was not taken back is extended like any other.
        """

    @abstractmethod
    def wait(self, queue: str, route: str, worker: str, timeout: float) -> bool:
        """Block until something may be claimable (True), or the timeout in seconds is over (False).

        May return True too early, but never sleeps through an enqueue, a due time or the end of a lease.
        """

    def claim_next(
        self, queue: str, route: str, worker: str, limit: int, lease: float, *, timeout: float
    ) -> list[Claim]:
        """Claim as ``claim`` does, but block for up to ``timeout`` seconds while nothing is claimable.

        May return nothing too early. A store that waits and claims in one round trip starts jobs sooner. When ``close``
        interrupts it, it takes back at once what it has lent.
        """
        if not self.wait(queue, route, worker, timeout):
            return []
        return self.claim(queue, route, worker, limit, lease)

    def begin_claim(
        self, queue: str, route: str, worker: str, limit: int, lease: float
    ) -> AwaitedClaim | None:
        """Begin what ``claim_next`` does, for a thread that waits for something else at the same time.

        The store then wakes a worker's main thread directly, without another thread in between. ``None``: this store
        has no file descriptor to wait at, or not as it was opened.
        """
        del queue, route, worker, limit, lease
        return None

    def wait_any(self, queue: str, routes: Sequence[str], worker: str, timeout: float) -> str | None:
        """Block as ``wait`` does, until something may be claimable on one of several routes; return that route, or ``None``.

        The caller claims from that route next, since other waits on it may not have been woken. This default looks at each
        route 20 times a second; a store that waits for all of them at once starts jobs sooner.
        """
        return wait_by_looking(lambda route: self.wait(queue, route, worker, 0.0), routes, timeout)

    def begin_claim_any(
        self, queue: str, routes: Sequence[str], worker: str, limit: int, lease: float
    ) -> AwaitedClaim | None:
        """Begin what ``begin_claim`` does on several routes, and lend from the first of them that has something.

        Once one route has answered, the claims on the others must hold nothing. So a store that lends firings to a claim
        before its ``answer`` is called needs a way of its own.
        """
        return begun_on_each(lambda route: self.begin_claim(queue, route, worker, limit, lease), list(routes))

    def claim_ahead(
        self, queue: str, route: str, worker: str, limit: int, lease: float
    ) -> Callable[[], list[Claim]] | None:
        """Ask for claims that will be wanted soon, without waiting; call what is returned to wait for the answer.

        That is called once, by any thread. ``None``: this store cannot.
        """
        del queue, route, worker, limit, lease
        return None

    # --- reading ----------------------------------------------------------------------------------

    @abstractmethod
    def get(self, ids: Sequence[str]) -> list[Record | None]:
        """Read firings by id, any number, in order; ``None`` for one that is unknown or gone."""

    @abstractmethod
    def find(self, prefix: str, limit: int = 10) -> list[str]:
        """List ids that begin with ``prefix``, at most ``limit``, for people who type the start of one."""

    @abstractmethod
    def page(self, queue: str, route: str, state: State, limit: int = 50, after: str | None = None) -> Page:
        """List firings of one state: pending and running in claim order, finished ones newest first.

        An ``after`` that is not the ``next`` of a page raises ``BackendError``.
        """

    @abstractmethod
    def routes(self, queue: str | None = None) -> list[RouteInfo]:
        """List all routes known (of one queue), by queue and route name."""

    def route_page(
        self, queue: str | None = None, text: str = "", limit: int = 50, after: tuple[str, str] | None = None
    ) -> list[RouteInfo]:
        """List up to ``limit`` (at most MAX_PAGE) routes as ``routes`` does, from after this queue and route name.

        ``text``: only those that have it in the name of the queue or of the route. This default reads all routes. A store
        that reads only those asked for answers as fast where there are ten thousand.
        """
        return page_of(self.routes(queue), text, min(limit, MAX_PAGE), after)

    def busiest(self, queue: str | None = None, limit: int = 50) -> Busiest:
        """List up to ``limit`` (at most MAX_PAGE) routes (of one queue) with most pending and running firings; add up all.

        The routes and the sums are read at about the same time, not at once. This default reads all routes.
        """
        return busiest_of(self.routes(queue), min(limit, MAX_PAGE))

    @abstractmethod
    def minutes(self, queue: str, route: str, since: int, until: int) -> list[Minute]:
        """Read the counters of the minutes ``since <= minute < until``, oldest first; minutes without any are left out."""

    @abstractmethod
    def wait_settled(self, ids: Sequence[str], timeout: float) -> list[str]:
        """Block until at least one of these is finished or unknown, or the timeout is over; return the ids of all that are."""

    # --- control ----------------------------------------------------------------------------------

    @abstractmethod
    def kill(self, ids: Sequence[str]) -> dict[str, State | None]:
        """Kill firings; return the state each had before (``None``: unknown).

        A pending firing is killed at once, and counted as ``killed``. A running one is marked (``kill_requested``), and a
        ``kill`` command goes to the mailbox of its worker; it is counted when it is settled. A finished one stays as it is.
        """

    @abstractmethod
    def requeue(self, ids: Sequence[str]) -> list[str]:
        """Make finished firings pending and due now, as if fired anew.

        Deaths, attempt state, result, progress, kill request, expiry, error line, number of attempts, when it began and its
        run time are cleared; all else stays, and the token goes on growing. Nothing is counted.

        Returns the ids of firings that were requeued. One that is unknown or not finished is not, nor one whose
        idempotency key is in use by another firing.
        """

    @abstractmethod
    def purge(self, queue: str, route: str | None = None) -> int:
        """Remove all firings of a route (or of all routes) that are pending when it begins; return how many.

        Each is either removed or claimed, never both; what is fired during the purge may stay.
        """

    @abstractmethod
    def pause(self, queue: str, route: str | None = None) -> None:
        """Let nothing more be claimed from a route, or from the whole queue, until ``resume``."""

    @abstractmethod
    def resume(self, queue: str, route: str | None = None) -> None:
        """End a pause. ``route=None`` ends the pause of the queue and those of all its routes."""

    @abstractmethod
    def prune(self, older: float | None = None, limit: int = 1_000) -> int:
        """Remove up to ``limit`` finished firings that are past their ttl; return how many.

        With ``older`` (seconds): those that finished longer ago than that, whatever their ttl. Calling it until it
        returns less than ``limit`` removes all. It also drops old counters, and from the audit log all that is past its
        time or too much.
        """

    @abstractmethod
    def progress(self, ref: ClaimRef, data: bytes) -> bool:
        """Save the progress of a running firing; False where the claim is stale."""

"""The firings of one store and what is kept up to date with them: counts, keys.

Knows nothing of locks, workers or schedules. Its one rule: a firing changes its state through ``move``
and leaves through ``remove``, so no index can be forgotten. Real stores have the same shape: the
firing itself, an index of the live ones by route, one of the keys in use, and running totals.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from skunkqueue.listings import Result, Row, Tried
from skunkqueue.persistence import listing, rules
from skunkqueue.records import Claim, Death, Firing, Outcome, Record, State
from skunkqueue_memory.tallies import Tallies

Place = tuple[str, str]
"""A queue and a route of it."""


@dataclass
class Entry:
    """One firing with all that happened to it; the only mutable record here."""

    firing: Firing
    enqueued: float
    due: float
    expires: float | None
    state: State = State.PENDING
    token: int = 0
    worker: str | None = None
    lease_end: float = 0.0
    begun: bool = False
    began: float | None = None
    finished: float = 0.0
    ttl: float | None = None
    deaths: int = 0
    evidence: str = ""
    attempt_state: bytes | None = None
    result: bytes | None = None
    progress: bytes | None = None
    kill_requested: bool = False
    attempts: int = 0
    """Attempts that began and were settled."""
    again: str | None = None
    """Why it is pending once more: ``retry`` or ``snooze``."""
    error: str | None = None
    took: float | None = None

    @classmethod
    def of(cls, firing: Firing, now: float) -> Entry:
        """Take in a firing: what it says relative to now becomes absolute."""
        return cls(firing, now, rules.due_of(firing, now), rules.expiry_of(firing, now))

    @property
    def id(self) -> str:
        """The firing's id."""
        return self.firing.id

    @property
    def place(self) -> Place:
        """Its queue and route."""
        return self.firing.queue, self.firing.route

    @property
    def order(self) -> tuple[float, float, str]:
        """Sort key of listings, unique by its id: claim order while live, newest first when finished."""
        if self.state.final:
            return -self.finished, 0.0, self.id
        return -self.firing.priority, self.due, self.id

    def overdue(self, now: float) -> bool:
        """Return whether it runs on a lease that is over."""
        return self.state is State.RUNNING and self.lease_end <= now

    def died(self, death: Death) -> None:
        """Count a death and keep the evidence."""
        self.evidence += rules.evidence_line(death)
        self.deaths += 1

    def kept_until(self) -> float:
        """Return when a finished firing may be pruned."""
        return self.finished + rules.kept_for(self.state, self.ttl)

    def claim(self, now: float) -> Claim:
        """Return it as the worker gets it that has it now."""
        return Claim(
            id=self.id,
            token=self.token,
            queue=self.firing.queue,
            route=self.firing.route,
            body=self.firing.body,
            attempt_state=self.attempt_state,
            priority=self.firing.priority,
            enqueued=self.enqueued,
            due=self.due,
            claimed=now,
            expires=self.expires,
            deaths=self.deaths,
            evidence=self.evidence,
            kill_requested=self.kill_requested,
            target=self.firing.target,
            key=self.firing.key,
            job=self.firing.job,
            tags=self.firing.tags,
            schedule=self.firing.schedule,
            parent=self.firing.parent,
        )

    def record(self, now: float) -> Record:
        """Return it as people read it."""
        return Record(
            id=self.id,
            queue=self.firing.queue,
            route=self.firing.route,
            state=self.state,
            body=self.firing.body,
            priority=self.firing.priority,
            enqueued=self.enqueued,
            due=self.due,
            token=self.token,
            began=self.began,
            finished=self.finished if self.state.final else None,
            expires=self.expires,
            key=self.firing.key,
            target=self.firing.target,
            worker=self.worker,
            lease_left=self.lease_end - now if self.state is State.RUNNING else None,
            deaths=self.deaths,
            evidence=self.evidence,
            attempt_state=self.attempt_state,
            result=self.result,
            progress=self.progress,
            kill_requested=self.kill_requested,
            job=self.firing.job,
            tags=self.firing.tags,
            schedule=self.firing.schedule,
            parent=self.firing.parent,
            error=self.error,
            took=self.took,
        )

    def row(self, now: float, *, paused: bool) -> Row:
        """Return it as a row of a listing."""
        waits = listing.waits_for(due=self.due, now=now, paused=paused, again=self.again)
        return Row(
            id=self.id,
            queue=self.firing.queue,
            route=self.firing.route,
            job=self.firing.job,
            tags=self.firing.tags,
            state=self.state,
            waits=waits if self.state is State.PENDING else None,
            priority=self.firing.priority,
            enqueued=self.enqueued,
            due=self.due,
            began=self.began,
            finished=self.finished if self.state.final else None,
            took=self.took,
            worker=self.worker,
            attempts=self.attempts + self.deaths + (self.state is State.RUNNING),
            deaths=self.deaths,
            key=self.firing.key,
            schedule=self.firing.schedule,
            parent=self.firing.parent,
            progress=listing.numbers_of(self.progress),
            error=self.error,
            body_size=len(self.firing.body),
            result_size=len(self.result or b""),
            expires=self.expires,
        )

    def ended(self) -> Result:
        """Return how it ended, and nothing else."""
        is_failed = self.state.final and self.state is not State.COMPLETE
        return Result(
            id=self.id,
            state=self.state,
            result=self.result if self.state.final else None,
            error=self.error,
            expires=self.expires if self.state is State.PENDING else None,
            tried=self._tried() if is_failed else None,
        )

    def _tried(self) -> Tried:
        return Tried(
            job=self.firing.job,
            began=self.began,
            evidence=self.evidence,
            attempt_state=self.attempt_state,
        )


class Shelf:
    """All firings, and the indexes over them."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.live: defaultdict[Place, dict[str, Entry]] = defaultdict(dict)
        self.counts: defaultdict[Place, Counter[State]] = defaultdict(Counter)
        self.tallies = Tallies()
        self._keys: dict[tuple[str, str], str] = {}

    def known(self, ids: Iterable[str]) -> list[Entry]:
        """Find those of the firings that are here."""
        return [self.entries[id_] for id_ in dict.fromkeys(ids) if id_ in self.entries]

    def put(self, entry: Entry) -> str:
        """Add a new firing, unless it or its key is known already; return the id that counts."""
        if entry.id in self.entries:
            return entry.id
        holder = self.key_holder(entry)
        if holder is not None:
            return holder
        self.entries[entry.id] = entry
        self._index(entry)
        self.count(entry, "enqueued", entry.enqueued)
        return entry.id

    def key_holder(self, entry: Entry) -> str | None:
        """Return the id of the live firing that has this one's idempotency key."""
        if entry.firing.key is None:
            return None
        return self._keys.get((entry.firing.queue, entry.firing.key))

    def move(self, entry: Entry, state: State) -> None:
        """Change a firing's state."""
        self._unindex(entry)
        entry.state = state
        if state is State.PENDING:
            entry.began = None
        self._index(entry)

    def start_over(self, entry: Entry, now: float) -> None:
        """Make a finished firing pending again; its token stays, so old claims stay stale."""
        entry.due, entry.deaths, entry.evidence = now, 0, ""
        entry.attempt_state = entry.result = entry.progress = entry.expires = None
        entry.error = entry.took = entry.again = None
        entry.kill_requested, entry.attempts = False, 0
        self.move(entry, State.PENDING)

    def finish(self, entry: Entry, state: State, now: float, ttl: float | None = None) -> None:
        """Move a firing to a final state."""
        entry.finished, entry.ttl = now, ttl
        self.move(entry, state)

    def kill(self, entry: Entry, now: float) -> None:
        """Finish a firing that no worker runs as killed."""
        self.finish(entry, State.KILLED, now)
        self.count(entry, "killed", now)

    def died(self, entry: Entry, death: Death, now: float) -> None:
        """Note a death; it is counted where the job had begun."""
        entry.died(death)
        if death.begun:
            self.count(entry, "deaths", now)

    def remove(self, entry: Entry) -> None:
        """Forget a firing."""
        self._unindex(entry)
        del self.entries[entry.id]

    def pending(self, place: Place) -> list[Entry]:
        """List what is pending on a route, due or not."""
        return [entry for entry in self.live[place].values() if entry.state is State.PENDING]

    def tally(self, entry: Entry, outcome: Outcome, now: float) -> None:
        """Count an outcome that is about to be settled."""
        # Queue, route, job and due time are in the outcome, too, for stores that would have to look them up.
        self.tallies.settled(entry.place, entry.firing.job, outcome, entry.due, now)

    def count(self, entry: Entry, what: str, now: float) -> None:
        """Count one thing that happened to a firing."""
        self.tallies.add(entry.place, entry.firing.job, {what: 1}, now)

    def _index(self, entry: Entry) -> None:
        self.counts[entry.place][entry.state] += 1
        if not entry.state.final:
            self.live[entry.place][entry.id] = entry
            if entry.firing.key is not None:
                self._keys[entry.firing.queue, entry.firing.key] = entry.id

    def _unindex(self, entry: Entry) -> None:
        self.counts[entry.place][entry.state] -= 1
        if not entry.state.final:
            del self.live[entry.place][entry.id]
            if entry.firing.key is not None:
                del self._keys[entry.firing.queue, entry.firing.key]

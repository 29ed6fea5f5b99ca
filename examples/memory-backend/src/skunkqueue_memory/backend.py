"""The verbs about firings: the hot path, reading, and control.

Lives in one process and forgets everything at its end, and its capabilities say so: the contract's kit
then asks neither for several processes nor for a life after a crash.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from skunkqueue.clock import SYSTEM_CLOCK, Clock
from skunkqueue.config import redact
from skunkqueue.persistence import listing, rules
from skunkqueue.persistence.backend import MAX_PAGE, Backend, BackendConfig
from skunkqueue.records import (
    Claim,
    ClaimRef,
    Command,
    Firing,
    Minute,
    Outcome,
    Page,
    Record,
    RouteInfo,
    State,
    Verdict,
)
from skunkqueue_memory.asking import AskingVerbs
from skunkqueue_memory.schedules import ScheduleVerbs
from skunkqueue_memory.shelf import Entry, Place
from skunkqueue_memory.workers import WorkerVerbs

default_cfg: dict[str, Any] = {"backend": "memory"}


class MemoryBackend(WorkerVerbs, ScheduleVerbs, AskingVerbs, Backend):
    """Dictionaries behind a lock."""

    name: ClassVar[str] = "memory"
    default_cfg: ClassVar[Mapping[str, Any]] = default_cfg
    capabilities: ClassVar[frozenset[str]] = frozenset(
        {"rows", "counters", "pools", "audit", "schedule pages"}
    )

    def __init__(self, clock: Clock, url: str | None = None) -> None:
        super().__init__(clock)
        self._url = url

    @classmethod
    def open(cls, config: BackendConfig, *, clock: Clock = SYSTEM_CLOCK) -> MemoryBackend:
        """Make an empty store; each call makes its own, whatever its URL."""
        return cls(clock, config.url)

    def location(self) -> str:
        """Say that it is nowhere, and by which name; a URL may hold a password, which no log may show."""
        name = f" ({redact(self._url)})" if self._url else ""
        return f"memory of this process{name}"

    def version(self) -> str:
        """Name what answers."""
        return "skunkqueue-memory 0.1.0"

    # --- the hot path -----------------------------------------------------------------------------

    def enqueue(self, firings: Sequence[Firing]) -> list[str]:
        """Put firings on the shelf."""
        with self._open():
            now = self.now()
            # Whatever can go wrong goes wrong here, before the first change: all or none.
            entries = [Entry.of(firing, now) for firing in firings]
            ids = [self._shelf.put(entry) for entry in entries]
            self._ring()
            return ids

    def claim(self, queue: str, route: str, worker: str, limit: int, lease: float) -> list[Claim]:
        """Lend what is due, in order."""
        with self._open():
            now = self.now()
            if self._is_paused((queue, route)):
                return []
            self._reclaim((queue, route), now)
            due = [
                entry
                for entry in self._shelf.pending((queue, route))
                if entry.due <= now and entry.firing.target in (None, worker)
            ]
            first = sorted(due, key=lambda entry: entry.order)[:limit]
            batch = first[: rules.batch_length([entry.deaths for entry in first])]
            for entry in batch:
                entry.token += 1
                entry.worker, entry.lease_end, entry.began = worker, now + lease, now
                entry.begun = False
                self._shelf.move(entry, State.RUNNING)
            return [entry.claim(now) for entry in batch]

    def settle(self, outcomes: Sequence[Outcome]) -> list[str]:
        """Move each claim on, with all that follows."""
        with self._open():
            now = self.now()
            stale = []
            for outcome in outcomes:
                entry = self._held(outcome.id, outcome.token)
                if entry is None:
                    stale.append(outcome.id)
                else:
                    self._settle(entry, outcome, now)
            self._ring()
            return stale

    def extend(self, claims: Sequence[ClaimRef], lease: float) -> list[str]:
        """Lengthen the leases that are still held."""
        with self._open():
            lost = []
            for ref in claims:
                entry = self._held(ref.id, ref.token)
                if entry is None:
                    lost.append(ref.id)
                else:
                    entry.lease_end = self.now() + lease
                    entry.begun |= ref.begun
            # A lease may end sooner now than those who wait know.
            self._ring()
            return lost

    def wait(self, queue: str, route: str, worker: str, timeout: float) -> bool:
        """Sleep until a change, or until something falls due or a lease ends."""
        return self.wait_any(queue, (route,), worker, timeout) is not None

    def wait_any(self, queue: str, routes: Sequence[str], worker: str, timeout: float) -> str | None:
        """Sleep until the same happens on one of several routes."""

        def look(now: float) -> tuple[str | None, float | None]:
            moments = [
                (entry.due if entry.state is State.PENDING else entry.lease_end, route)
                for route in routes
                if not self._is_paused((queue, route))
                for entry in self._shelf.live[queue, route].values()
                if entry.firing.target in (None, worker)
            ]
            first, route = min(moments, default=(None, None))
            return route if first is not None and first <= now else None, first

        return self._watch(look, timeout)

    def _held(self, id_: str, token: int) -> Entry | None:
        """Find a running firing by what proves the claim to it."""
        entry = self._shelf.entries.get(id_)
        if entry is None or entry.state is not State.RUNNING or entry.token != token:
            return None
        return entry

    def _settle(self, entry: Entry, outcome: Outcome, now: float) -> None:
        # The due time that counts for the waiting is the old one, so the tally comes first.
        self._shelf.tally(entry, outcome, now)
        if outcome.attempt_state is not None:
            entry.attempt_state = outcome.attempt_state
        if outcome.error is not None:
            entry.error = outcome.error
        if outcome.began is not None and outcome.verdict is not Verdict.ADVANCE:
            entry.attempts += 1
        if outcome.verdict.state.final:
            entry.began, entry.result = outcome.began, outcome.result
            entry.took = None if outcome.began is None else outcome.took
            self._shelf.finish(entry, outcome.verdict.state, now, outcome.ttl)
        elif outcome.verdict is not Verdict.ADVANCE:
            due = rules.due_again(outcome, now)
            if due is not None:
                entry.due = due
            entry.again = listing.again_after(outcome.verdict)
            self._shelf.move(entry, State.PENDING)
        for firing in outcome.follow:
            self._shelf.put(Entry.of(firing, now))
        if outcome.refire is not None:
            self._refire(entry.id, outcome.refire)

    def _reclaim(self, place: Place, now: float) -> None:
        """Take back what leases ran out on."""
        for entry in [entry for entry in self._shelf.live[place].values() if entry.overdue(now)]:
            death = rules.lease_ended(now, entry.worker or "", begun=entry.begun)
            self._shelf.died(entry, death, now)
            self._shelf.move(entry, State.PENDING)

    # --- reading ----------------------------------------------------------------------------------

    def get(self, ids: Sequence[str]) -> list[Record | None]:
        """Read firings."""
        with self._open():
            now = self.now()
            entries = [self._shelf.entries.get(id_) for id_ in ids[:MAX_PAGE]]
            return [entry.record(now) if entry is not None else None for entry in entries]

    def find(self, prefix: str, limit: int = 10) -> list[str]:
        """Look through all ids; a real store asks an index."""
        with self._open():
            return sorted(id_ for id_ in self._shelf.entries if id_.startswith(prefix))[:limit]

    def page(self, queue: str, route: str, state: State, limit: int = 50, after: str | None = None) -> Page:
        """List what comes after the cursor, which is the sort key of the last record shown."""
        start = rules.place_in(after, state, (float, float, str)) if after is not None else None
        limit = min(limit, MAX_PAGE)
        with self._open():
            now = self.now()
            entries = [
                entry
                for entry in self._shelf.entries.values()
                if entry.place == (queue, route)
                and entry.state is state
                and (start is None or entry.order > start)
            ]
            entries.sort(key=lambda entry: entry.order)
            shown = entries[:limit]
            cursor = rules.cursor_after(state, shown[-1].order) if len(entries) > limit else None
            return Page(records=tuple(entry.record(now) for entry in shown), next=cursor)

    def routes(self, queue: str | None = None) -> list[RouteInfo]:
        """Read the running totals."""
        with self._open():
            paused = {(name, route) for name, routes in self._paused.items() for route in routes if route}
            known = sorted({*self._shelf.counts, *paused})
            return [
                RouteInfo(
                    queue=place[0],
                    route=place[1],
                    paused=self._is_paused(place),
                    counts={state: self._shelf.counts[place][state] for state in State},
                    oldest_due=min((entry.due for entry in self._shelf.pending(place)), default=None),
                )
                for place in known
                if queue in (None, place[0])
            ]

    def minutes(self, queue: str, route: str, since: int, until: int) -> list[Minute]:
        """Read the counters."""
        with self._open():
            return [
                Minute(queue=queue, route=route, minute=int(begin // 60), values=values)
                for begin, values in self._shelf.tallies.minutes.sums((queue, route), since * 60, until * 60)
            ]

    def wait_settled(self, ids: Sequence[str], timeout: float) -> list[str]:
        """Sleep until one of them needs no more waiting."""

        def look(_: float) -> tuple[list[str], None]:
            live = {entry.id for entry in self._known(ids) if not entry.state.final}
            return [id_ for id_ in ids if id_ not in live], None

        return self._watch(look, timeout)

    # --- control ----------------------------------------------------------------------------------

    def kill(self, ids: Sequence[str]) -> dict[str, State | None]:
        """Kill at once what waits, and have the holders stop what runs."""
        with self._open():
            before: dict[str, State | None] = dict.fromkeys(ids)
            for entry in self._known(ids):
                before[entry.id] = entry.state
                if entry.state is State.PENDING:
                    self._shelf.kill(entry, self.now())
                elif entry.state is State.RUNNING:
                    entry.kill_requested = True
                    self.send(entry.worker or "", Command(verb="kill", firing=entry.id))
            self._ring()
            return before

    def requeue(self, ids: Sequence[str]) -> list[str]:
        """Start finished ones over."""
        with self._open():
            done = []
            for entry in self._known(ids):
                if not entry.state.final or self._shelf.key_holder(entry) is not None:
                    continue
                self._shelf.start_over(entry, self.now())
                done.append(entry.id)
            self._ring()
            return done

    def purge(self, queue: str, route: str | None = None) -> int:
        """Remove what waits."""
        with self._open():
            doomed = [
                entry
                for place in list(self._shelf.live)
                if place[0] == queue and route in (None, place[1])
                for entry in self._shelf.pending(place)
            ]
            for entry in doomed:
                self._shelf.remove(entry)
            self._ring()
            return len(doomed)

    def pause(self, queue: str, route: str | None = None) -> None:
        """Note the pause."""
        with self._open():
            self._paused[queue].add(route)

    def resume(self, queue: str, route: str | None = None) -> None:
        """Strike it out."""
        with self._open():
            if route is None:
                self._paused[queue].clear()
            else:
                self._paused[queue].discard(route)
            self._ring()

    def prune(self, older: float | None = None, limit: int = 1_000) -> int:
        """Remove what was kept long enough."""
        with self._open():
            now = self.now()
            doomed = [
                entry
                for entry in self._shelf.entries.values()
                if entry.state.final
                and (entry.kept_until() <= now if older is None else entry.finished < now - older)
            ][:limit]
            for entry in doomed:
                self._shelf.remove(entry)
            self._shelf.tallies.drop(now)
            self._ring()
            return len(doomed)

    def progress(self, ref: ClaimRef, data: bytes) -> bool:
        """Keep what the job says of itself."""
        with self._open():
            entry = self._held(ref.id, ref.token)
            if entry is not None:
                entry.progress = data
            return entry is not None

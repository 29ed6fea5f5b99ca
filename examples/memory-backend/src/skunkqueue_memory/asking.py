"""The verbs by which people ask for many firings at once: rows, counts, results, counters; and delete and run them.

Everything is found by looking at all there is: a real store asks an index.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from skunkqueue.counters import Counters
from skunkqueue.listings import MAX_LOOK, Count, JobCount, Query, Result, Row, Rows
from skunkqueue.persistence import listing
from skunkqueue.persistence.backend import MAX_PAGE
from skunkqueue.records import State
from skunkqueue_memory.store import Store


class AskingVerbs(Store):
    """What people and programs ask."""

    # --- rows and counts --------------------------------------------------------------------------

    def rows(self, query: Query, limit: int = 50, cursor: str | None = None) -> Rows:
        """List a page."""
        with self._open():
            rows = self._rows(query)

            def walk(after: listing.Position | None, *, onward: bool, want: int) -> listing.Look:
                beyond = (
                    row
                    for row in sorted(rows, key=listing.position_of, reverse=not onward)
                    if after is None or _lies_beyond(listing.position_of(row), after, onward=onward)
                )
                return listing.look_through(beyond, query, want)

            return listing.page_of(query, limit, cursor, walk)

    def count(self, query: Query, most: int = MAX_LOOK) -> Count:
        """Count what matches; where the running totals tell it, no firing is looked at."""
        with self._open():
            if listing.is_by_place_and_state(query):
                number = sum(
                    self._shelf.counts[queue, route][state]
                    for queue, route in list(self._shelf.counts)
                    if query.queue in (None, queue) and query.route in (None, route)
                    for state in listing.states_of(query)
                )
                return Count(number=number, exact=True)
            found = listing.look_through(self._rows(query), query, most + 1, most)
            return Count(number=len(found.rows), exact=found.ended)

    def job_counts(self, queue: str | None = None, route: str | None = None) -> list[JobCount]:
        """Count by job and state."""
        with self._open():
            found: defaultdict[tuple[str, str, str], Counter[State]] = defaultdict(Counter)
            for entry in self._shelf.entries.values():
                name = self._shelf.tallies.name_of(entry.place, entry.firing.job)
                found[entry.firing.queue, entry.firing.route, name][entry.state] += 1
            return [
                JobCount(queue=at, route=on, job=job, counts={state: counts[state] for state in State})
                for (at, on, job), counts in sorted(found.items(), key=lambda item: item[0])
                if queue in (None, at) and route in (None, on)
            ]

    def results(self, ids: Sequence[str]) -> list[Result | None]:
        """Read what became of firings."""
        with self._open():
            entries = [self._shelf.entries.get(id_) for id_ in ids[:MAX_PAGE]]
            return [entry.ended() if entry is not None else None for entry in entries]

    def _rows(self, query: Query) -> list[Row]:
        """Show the live firings, and the finished ones that a real store would find by its indexes."""
        now = self.now()
        indexed = replace(query, schedule=None, worker=None, enqueued=None, due=None)
        rows = [entry.row(now, paused=self._is_paused(entry.place)) for entry in self._shelf.entries.values()]
        states = listing.states_of(query)
        return [
            row
            for row in rows
            if row.state in states and (not row.state.final or listing.matches(row, indexed))
        ]

    # --- what is done to single firings -----------------------------------------------------------

    def delete(self, ids: Sequence[str]) -> dict[str, State | None]:
        """Remove what does not run."""
        with self._open():
            before: dict[str, State | None] = dict.fromkeys(ids)
            for entry in self._known(ids):
                before[entry.id] = entry.state
                if entry.state is not State.RUNNING:
                    self._shelf.remove(entry)
            self._ring()
            return before

    def run_now(self, ids: Sequence[str]) -> dict[str, State | None]:
        """Make what waits for its time due."""
        with self._open():
            before: dict[str, State | None] = dict.fromkeys(ids)
            for entry in self._known(ids):
                before[entry.id] = entry.state
                if entry.state is State.PENDING:
                    entry.due = min(entry.due, self.now())
            self._ring()
            return before

    # --- counters ---------------------------------------------------------------------------------

    def counters(
        self,
        routes: Sequence[tuple[str, str]],
        since: float,
        until: float,
        *,
        hours: bool = False,
        jobs: bool = False,
    ) -> list[Counters]:
        """Read what was counted in each minute or hour."""
        with self._open():
            spans = self._shelf.tallies.hours if hours else self._shelf.tallies.minutes
            found: list[Counters] = []
            for place in routes:
                if not jobs:
                    sums = dict(spans.sums(place, since, until))
                    for begin, values in spans.samples[place].items():
                        if since <= begin < until:
                            sums[begin] = {**sums.get(begin, {}), **values}
                    found += (_counters(place, None, begin, sums[begin]) for begin in sorted(sums))
                    continue
                for begin, by_job in sorted(spans.by_job[place].items()):
                    if since <= begin < until:
                        found += (_counters(place, job, begin, by_job[job]) for job in sorted(by_job))
            return found

    def totals(self, queue: str | None = None) -> list[Counters]:
        """Read what was counted ever."""
        with self._open():
            return [
                _counters(place, job, 0.0, values)
                for place, by_job in sorted(self._shelf.tallies.ever.items())
                if queue in (None, place[0])
                for job, values in sorted(by_job.items())
            ]

    def sample(self) -> int:
        """Note how each route stands."""
        with self._open():
            now = self.now()
            return sum(self._shelf.tallies.sample(*sample, now) for sample in self._samples(now))

    def _samples(self, now: float) -> Iterator[tuple[tuple[str, str], dict[str, float]]]:
        for place, counts in self._shelf.counts.items():
            oldest = min((entry.due for entry in self._shelf.pending(place)), default=now)
            yield (
                place,
                {
                    "pending": float(counts[State.PENDING]),
                    "running": float(counts[State.RUNNING]),
                    "oldest": max(now - oldest, 0.0),
                },
            )


def _lies_beyond(position: listing.Position, after: listing.Position, *, onward: bool) -> bool:
    return position > after if onward else position < after


def _counters(place: tuple[str, str], job: str | None, begin: float, values: dict[str, float]) -> Counters:
    return Counters(queue=place[0], route=place[1], job=job, begin=begin, values=dict(values))

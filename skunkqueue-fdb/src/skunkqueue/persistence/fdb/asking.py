"""The verbs of reading, listing and counting, and of control; each by the module named as its area."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar, TypeVar

from skunkqueue.counters import Counters
from skunkqueue.listings import MOST_COUNTED, Count, JobCount, Query, Result, Rows
from skunkqueue.persistence import rules
from skunkqueue.persistence.backend import MAX_PAGE
from skunkqueue.persistence.fdb import (
    audit,
    control,
    counters,
    deleting,
    pages,
    pruning,
    results,
    rollup,
    routes,
    samples,
    searching,
)
from skunkqueue.persistence.fdb.base import StoreBackend
from skunkqueue.persistence.fdb.errors import TransactionTooLargeError
from skunkqueue.persistence.fdb.keys import END, place
from skunkqueue.persistence.fdb.routes import Place
from skunkqueue.persistence.fdb.transactions import Transaction
from skunkqueue.records import ClaimRef, Minute, Page, RouteInfo, State

S = TypeVar("S")
T = TypeVar("T")

_ROUTES = 50
"""Routes whose counters one transaction reads."""


class Asking(StoreBackend):
    """Listings, counts, counters, and control."""

    capabilities: ClassVar[frozenset[str]] = StoreBackend.capabilities | {"rows", "counters"}

    # --- reading ----------------------------------------------------------------------------------

    def find(self, prefix: str, limit: int = 10) -> list[str]:
        """List ids by how they begin; see ``Backend.find``."""
        return self._link.read(lambda tr: pages.find(tr, prefix, limit))

    def page(self, queue: str, route: str, state: State, limit: int = 50, after: str | None = None) -> Page:
        """List firings of one state; see ``Backend.page``."""
        return pages.page(self._link, (queue, route), state, min(limit, MAX_PAGE), after)

    def routes(self, queue: str | None = None) -> list[RouteInfo]:
        """List routes; see ``Backend.routes``."""
        return self._link.read(lambda tr: routes.infos(tr, queue))

    def minutes(self, queue: str, route: str, since: int, until: int) -> list[Minute]:
        """Read counters; see ``Backend.minutes``."""
        return self._link.read(lambda tr: counters.minutes(tr, queue, route, since, until))

    # --- control ----------------------------------------------------------------------------------

    def kill(self, ids: Sequence[str]) -> dict[str, State | None]:
        """Kill firings; see ``Backend.kill``."""
        return self._each(control.kill, ids)

    def requeue(self, ids: Sequence[str]) -> list[str]:
        """Put finished firings in line again; see ``Backend.requeue``."""
        again: list[str] = []
        for some in _steps(ids):
            for found in self._run_each(control.requeue, some):
                again += found
        return again

    def purge(self, queue: str, route: str | None = None) -> int:
        """Remove what is pending; see ``Backend.purge``."""
        link = self._link
        begun, listed = link.read(lambda tr: (tr.now, routes.known(tr, queue, route)))
        number = 0
        for at, _ in listed:
            for table in (link.keys.line, link.keys.target):
                until: bytes | None = table + place(*at) + END
                while until is not None:
                    step = control.Purge(table, at, until, begun)
                    done = self._bounded(
                        lambda tr, most, step=step: control.purge(tr, step, most),  # type: ignore[misc] # its default is a step
                        control.PURGED,
                    )
                    number += done.number
                    until = done.ahead
        return number

    def pause(self, queue: str, route: str | None = None) -> None:
        """Let nothing be claimed; see ``Backend.pause``."""
        self._link.run(lambda tr: control.pause(tr, queue, route))

    def resume(self, queue: str, route: str | None = None) -> None:
        """End a pause; see ``Backend.resume``."""
        self._link.run(lambda tr: control.resume(tr, queue, route))

    def prune(self, older: float | None = None, limit: int = 1_000) -> int:
        """Remove what was kept long enough; see ``Backend.prune``."""
        while self._link.run(lambda tr: audit.drop_old(tr, pruning.AT_ONCE)):
            pass
        return self._prune(older, limit)

    def _prune(self, older: float | None, limit: int) -> int:
        number = 0
        while number < limit:
            left = min(limit - number, pruning.AT_ONCE)
            done = self._bounded(lambda tr, most: pruning.prune(tr, older, most), left)
            number += done
            if not done:
                break
        rollup.roll_up(self._link)
        return number

    def progress(self, ref: ClaimRef, data: bytes) -> bool:
        """Save progress; see ``Backend.progress``."""
        return self._link.run(lambda tr: control.progress(tr, ref, data))

    # --- rows -------------------------------------------------------------------------------------

    def rows(self, query: Query, limit: int = 50, cursor: str | None = None) -> Rows:
        """List firings that match; see ``Backend.rows``."""
        return searching.rows(self._link, query, limit, cursor)

    def count(self, query: Query, most: int = MOST_COUNTED) -> Count:
        """Count firings that match; see ``Backend.count``."""
        return searching.count(self._link, query, most)

    def job_counts(self, queue: str | None = None, route: str | None = None) -> list[JobCount]:
        """Count firings by job and state; see ``Backend.job_counts``."""
        return self._link.read(lambda tr: routes.job_counts(tr, queue, route))

    def results(self, ids: Sequence[str]) -> list[Result | None]:
        """Read how firings ended; see ``Backend.results``."""
        return rules.in_pages(lambda some: self._link.read(lambda tr: results.results(tr, some)), ids)

    def delete(self, ids: Sequence[str]) -> dict[str, State | None]:
        """Remove firings; see ``Backend.delete``."""
        return self._each(deleting.delete, ids)

    def run_now(self, ids: Sequence[str]) -> dict[str, State | None]:
        """Make firings due; see ``Backend.run_now``."""
        return self._each(deleting.run_now, ids)

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
        """Read minutes or hours; see ``Backend.counters``."""
        # Also where one of the two is not a number.
        if not since < until:
            return []
        return self._by_routes(
            routes, lambda tr, some: counters.counters(tr, some, since, until, hours=hours, jobs=jobs)
        )

    def totals(self, queue: str | None = None) -> list[Counters]:
        """Read what was counted ever; see ``Backend.totals``."""
        return self._by_routes(self._known(queue), counters.totals)

    def sample(self) -> int:
        """Take samples; see ``Backend.sample``."""
        return samples.take(self._link)

    # --- shared -----------------------------------------------------------------------------------

    def _known(self, queue: str | None = None) -> list[Place]:
        return self._link.read(lambda tr: [at for at, _ in routes.known(tr, queue)])

    def _by_routes(
        self, known: Sequence[Place], read: Callable[[Transaction, Sequence[Place]], list[T]]
    ) -> list[T]:
        found: list[T] = []
        for some in _parts(known, _ROUTES):
            found += self._link.read(lambda tr, some=some: read(tr, some))  # type: ignore[misc]
        return found

    def _each(
        self, verb: Callable[[Transaction, Sequence[str]], dict[str, State | None]], ids: Sequence[str]
    ) -> dict[str, State | None]:
        """Do something to firings, some in a transaction."""
        before: dict[str, State | None] = {}
        for some in _steps(ids):
            for found in self._run_each(verb, some):
                before |= found
        return before

    def _bounded(self, work: Callable[[Transaction, int], T], most: int) -> T:
        """Do something to so many firings in one transaction; to fewer where they are too large for one."""
        while True:
            try:
                return self._link.run(lambda tr, most=most: work(tr, most))  # type: ignore[misc] # its default is a number
            except TransactionTooLargeError:
                if most <= 1:
                    raise
            most //= 2

    def _run_each(self, verb: Callable[[Transaction, Sequence[S]], T], items: Sequence[S]) -> list[T]:
        """Do something with ids or outcomes in one transaction; in several where they are too large for one."""
        try:
            return [self._link.run(lambda tr: verb(tr, items))]
        except TransactionTooLargeError:
            if len(items) == 1:
                raise
        half = len(items) // 2
        return self._run_each(verb, items[:half]) + self._run_each(verb, items[half:])


def _steps(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return _parts(list(dict.fromkeys(ids)), control.AT_ONCE)


def _parts(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for begin in range(0, len(items), size):
        yield items[begin : begin + size]

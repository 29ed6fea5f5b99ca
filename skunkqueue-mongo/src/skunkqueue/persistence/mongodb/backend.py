"""The MongoDB backend: the verbs of the hot path, of reading and of control, each by the module that is named as its area."""

from __future__ import annotations

from collections.abc import Sequence

from skunkqueue.counters import Counters
from skunkqueue.listings import MOST_COUNTED, Count, JobCount, Query, Result, Rows
from skunkqueue.persistence import rules
from skunkqueue.persistence.encoding import refuses_what_is_not_utf8
from skunkqueue.persistence.mongodb import (
    audit,
    claim,
    control,
    counters,
    enqueue,
    killing,
    leases,
    pruning,
    reading,
    results,
    routes,
    samples,
    searching,
    settle,
    states,
    waiting,
)
from skunkqueue.persistence.mongodb.administration import Administration
from skunkqueue.records import Claim, ClaimRef, Firing, Minute, Outcome, Page, Record, RouteInfo, State


@refuses_what_is_not_utf8
class MongoBackend(Administration):
    """A store in a MongoDB database, for any number of processes on any number of machines.

    What it accepted survives what the write concern promises (the URL's, or else the server's own).
    """

    # --- the hot path -----------------------------------------------------------------------------

    def enqueue(self, firings: Sequence[Firing]) -> list[str]:
        """Put firings in; see ``Backend.enqueue``."""
        return enqueue.enqueue(self._store, firings)

    def claim(self, queue: str, route: str, worker: str, limit: int, lease: float) -> list[Claim]:
        """Lend firings; see ``Backend.claim``."""
        return claim.claim(self._store, (queue, route), worker, limit, lease)

    def claim_next(
        self, queue: str, route: str, worker: str, limit: int, lease: float, *, timeout: float
    ) -> list[Claim]:
        """Lend firings as soon as there are any; see ``Backend.claim_next``."""
        store = self._store
        if store.time.is_virtual:
            return super().claim_next(queue, route, worker, limit, lease, timeout=timeout)
        return waiting.claim_next(store, (queue, route), worker, limit, lease, timeout=timeout)

    def settle(self, outcomes: Sequence[Outcome]) -> list[str]:
        """Hand in outcomes; see ``Backend.settle``."""
        return settle.settle(self._store, outcomes)

    def extend(self, claims: Sequence[ClaimRef], lease: float) -> list[str]:
        """Make leases last longer; see ``Backend.extend``."""
        return leases.extend(self._store, claims, lease)

    def progress(self, ref: ClaimRef, data: bytes) -> bool:
        """Save what a running job reports; see ``Backend.progress``."""
        return leases.progress(self._store, ref, data)

    def wait(self, queue: str, route: str, worker: str, timeout: float) -> bool:
        """Block until something may be claimable; see ``Backend.wait``."""
        return waiting.wait(self._store, queue, route, worker, timeout)

    def wait_any(self, queue: str, routes: Sequence[str], worker: str, timeout: float) -> str | None:
        """Block until something may be claimable on one of several routes; see ``Backend.wait_any``."""
        return waiting.wait_any(self._store, queue, routes, worker, timeout)

    def wait_settled(self, ids: Sequence[str], timeout: float) -> list[str]:
        """Block until one of the firings is finished or unknown; see ``Backend.wait_settled``."""
        return waiting.wait_settled(self._store, ids, timeout)

    # --- reading ----------------------------------------------------------------------------------

    def get(self, ids: Sequence[str]) -> list[Record | None]:
        """Read firings; see ``Backend.get``."""
        return rules.in_pages(lambda some: reading.get(self._store, some), ids)

    def find(self, prefix: str, limit: int = 10) -> list[str]:
        """List ids by how they begin; see ``Backend.find``."""
        return reading.find(self._store, prefix, limit)

    def page(self, queue: str, route: str, state: State, limit: int = 50, after: str | None = None) -> Page:
        """List firings of one state; see ``Backend.page``."""
        return reading.page(self._store, (queue, route), state, limit, after)

    def results(self, ids: Sequence[str]) -> list[Result | None]:
        """Read what became of firings; see ``Backend.results``."""
        return rules.in_pages(lambda some: results.results(self._store, some), ids)

    def rows(self, query: Query, limit: int = 50, cursor: str | None = None) -> Rows:
        """List firings; see ``Backend.rows``."""
        return searching.rows(self._store, query, limit, cursor)

    def count(self, query: Query, most: int = MOST_COUNTED) -> Count:
        """Count firings; see ``Backend.count``."""
        return searching.count(self._store, query, most)

    # --- routes and counters ----------------------------------------------------------------------

    def routes(self, queue: str | None = None) -> list[RouteInfo]:
        """List routes; see ``Backend.routes``."""
        return states.routes(self._store, queue)

    def job_counts(self, queue: str | None = None, route: str | None = None) -> list[JobCount]:
        """Count firings by job; see ``Backend.job_counts``."""
        return states.job_counts(self._store, queue, route)

    def minutes(self, queue: str, route: str, since: int, until: int) -> list[Minute]:
        """Read counters; see ``Backend.minutes``."""
        return counters.minutes(self._store, queue, route, since, until)

    def counters(
        self,
        routes: Sequence[tuple[str, str]],
        since: float,
        until: float,
        *,
        hours: bool = False,
        jobs: bool = False,
    ) -> list[Counters]:
        """Read counters; see ``Backend.counters``."""
        return counters.counters(self._store, routes, since, until, hours=hours, jobs=jobs)

    def totals(self, queue: str | None = None) -> list[Counters]:
        """Read the counters of all time; see ``Backend.totals``."""
        return counters.totals(self._store, queue)

    def sample(self) -> int:
        """Take the samples of this minute; see ``Backend.sample``."""
        return samples.sample(self._store)

    # --- control ----------------------------------------------------------------------------------

    def kill(self, ids: Sequence[str]) -> dict[str, State | None]:
        """Kill firings; see ``Backend.kill``."""
        return killing.kill(self._store, ids)

    def requeue(self, ids: Sequence[str]) -> list[str]:
        """Start finished firings over; see ``Backend.requeue``."""
        return control.requeue(self._store, ids)

    def delete(self, ids: Sequence[str]) -> dict[str, State | None]:
        """Remove what does not run; see ``Backend.delete``."""
        return control.delete(self._store, ids)

    def run_now(self, ids: Sequence[str]) -> dict[str, State | None]:
        """Make pending firings due; see ``Backend.run_now``."""
        return control.run_now(self._store, ids)

    def purge(self, queue: str, route: str | None = None) -> int:
        """Remove pending firings; see ``Backend.purge``."""
        return control.purge(self._store, queue, route)

    def pause(self, queue: str, route: str | None = None) -> None:
        """Let nothing more be claimed; see ``Backend.pause``."""
        routes.pause(self._store, queue, route)

    def resume(self, queue: str, route: str | None = None) -> None:
        """End a pause; see ``Backend.resume``."""
        routes.resume(self._store, queue, route)

    def prune(self, older: float | None = None, limit: int = 1_000) -> int:
        """Remove what was kept long enough; see ``Backend.prune``."""
        audit.drop_old(self._store, self._store.time.about_now())
        return pruning.prune(self._store, older, limit)

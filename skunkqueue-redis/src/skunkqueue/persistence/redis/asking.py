"""The verbs of reading, listing and counting, and of control; each by the module named as its area."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from typing import ClassVar

from skunkqueue.counters import Counters
from skunkqueue.listings import MOST_COUNTED, Busiest, Count, JobCount, Query, Result, Rows
from skunkqueue.persistence import rules
from skunkqueue.persistence.backend import MAX_PAGE
from skunkqueue.persistence.redis import (
    control,
    counters,
    deleting,
    housekeeping,
    reading,
    results,
    route_pages,
    routes,
    searching,
)
from skunkqueue.persistence.redis.base import StoreBackend
from skunkqueue.records import ClaimRef, Minute, Page, RouteInfo, State


class Asking(StoreBackend, ABC):
    """Listings, counts, counters, and control."""

    capabilities: ClassVar[frozenset[str]] = StoreBackend.capabilities | {"rows", "counters"}

    # --- reading ----------------------------------------------------------------------------------

    def find(self, prefix: str, limit: int = 10) -> list[str]:
        """List ids by how they begin; see ``Backend.find``."""
        return reading.find(self._link, prefix, limit)

    def page(self, queue: str, route: str, state: State, limit: int = 50, after: str | None = None) -> Page:
        """List firings of one state; see ``Backend.page``."""
        return reading.page(self._link, (queue, route), state, limit, after)

    def routes(self, queue: str | None = None) -> list[RouteInfo]:
        """List routes; see ``Backend.routes``."""
        return routes.infos(self._link, queue)

    def route_page(
        self, queue: str | None = None, text: str = "", limit: int = 50, after: tuple[str, str] | None = None
    ) -> list[RouteInfo]:
        """List some routes; see ``Backend.route_page``."""
        return route_pages.page(self._link, queue, text, min(limit, MAX_PAGE), after)

    def busiest(self, queue: str | None = None, limit: int = 50) -> Busiest:
        """List the busiest routes; see ``Backend.busiest``."""
        return route_pages.busiest(self._link, queue, min(limit, MAX_PAGE))

    def minutes(self, queue: str, route: str, since: int, until: int) -> list[Minute]:
        """Read counters; see ``Backend.minutes``."""
        return counters.minutes(self._link, queue, route, since, until)

    # --- control ----------------------------------------------------------------------------------

    def kill(self, ids: Sequence[str]) -> dict[str, State | None]:
        """Kill firings; see ``Backend.kill``."""
        return control.kill(self._link, ids)

    def requeue(self, ids: Sequence[str]) -> list[str]:
        """Put finished firings in line again; see ``Backend.requeue``."""
        return control.requeue(self._link, ids)

    def purge(self, queue: str, route: str | None = None) -> int:
        """Remove what is pending; see ``Backend.purge``."""
        return control.purge(self._link, queue, route)

    def pause(self, queue: str, route: str | None = None) -> None:
        """Let nothing be claimed; see ``Backend.pause``."""
        control.pause(self._link, queue, route)

    def resume(self, queue: str, route: str | None = None) -> None:
        """End a pause; see ``Backend.resume``."""
        control.resume(self._link, queue, route)

    def prune(self, older: float | None = None, limit: int = 1_000) -> int:
        """Remove what was kept long enough; see ``Backend.prune``."""
        return housekeeping.prune(self._link, older, limit)

    def progress(self, ref: ClaimRef, data: bytes) -> bool:
        """Save progress; see ``Backend.progress``."""
        return control.progress(self._link, ref, data)

    # --- rows -------------------------------------------------------------------------------------

    def rows(self, query: Query, limit: int = 50, cursor: str | None = None) -> Rows:
        """List firings that match; see ``Backend.rows``."""
        return searching.rows(self._link, query, limit, cursor)

    def count(self, query: Query, most: int = MOST_COUNTED) -> Count:
        """Count firings that match; see ``Backend.count``."""
        return searching.count(self._link, query, most)

    def count_states(self, query: Query, most: int = MOST_COUNTED) -> dict[State, Count]:
        """Count firings that match, by state; see ``Backend.count_states``."""
        return searching.count_states(self._link, query, most)

    def job_counts(self, queue: str | None = None, route: str | None = None) -> list[JobCount]:
        """Count firings by job and state; see ``Backend.job_counts``."""
        return routes.job_counts(self._link, queue, route)

    def results(self, ids: Sequence[str]) -> list[Result | None]:
        """Read how firings ended; see ``Backend.results``."""
        return rules.in_pages(lambda some: results.results(self._link, some), ids)

    def delete(self, ids: Sequence[str]) -> dict[str, State | None]:
        """Remove firings; see ``Backend.delete``."""
        return deleting.delete(self._link, ids)

    def run_now(self, ids: Sequence[str]) -> dict[str, State | None]:
        """Make firings due; see ``Backend.run_now``."""
        return deleting.run_now(self._link, ids)

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
        return counters.counters(self._link, routes, since, until, hours=hours, jobs=jobs)

    def totals(self, queue: str | None = None) -> list[Counters]:
        """Read what was counted ever; see ``Backend.totals``."""
        return counters.totals(self._link, queue)

    def sample(self) -> int:
        """Take samples; see ``Backend.sample``."""
        return counters.sample(self._link)

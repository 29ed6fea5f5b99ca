"""The verbs of listing and counting, each by the module that is named as its area."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from skunkqueue.counters import Counters
from skunkqueue.listings import MOST_COUNTED, Busiest, Count, JobCount, Query, Result, Rows
from skunkqueue.persistence import rules
from skunkqueue.persistence.backend import MAX_PAGE, Backend
from skunkqueue.persistence.sqlite import counters, results, route_pages, routes, searching
from skunkqueue.persistence.sqlite.store import Store
from skunkqueue.records import Minute, RouteInfo, State


class Asking(Backend, ABC):
    """Routes, rows, counts, counters."""

    @property
    @abstractmethod
    def _store(self) -> Store: ...

    # --- routes -------------------------------------------------------------------------------------

    def routes(self, queue: str | None = None) -> list[RouteInfo]:
        """List routes with their counts."""
        return self._store.read(lambda db: routes.infos(db, queue))

    def route_page(
        self, queue: str | None = None, text: str = "", limit: int = 50, after: tuple[str, str] | None = None
    ) -> list[RouteInfo]:
        """List some of the routes."""
        most = min(limit, MAX_PAGE)
        return self._store.read(lambda db: route_pages.page(db, queue, text, most, after))

    def busiest(self, queue: str | None = None, limit: int = 50) -> Busiest:
        """List the busiest routes, and add up all."""
        return self._store.read(lambda db: route_pages.busiest(db, queue, min(limit, MAX_PAGE)))

    # --- rows ---------------------------------------------------------------------------------------

    def results(self, ids: Sequence[str]) -> list[Result | None]:
        """Read how firings ended."""
        return rules.in_pages(lambda some: results.results(self._store, some), ids)

    def rows(self, query: Query, limit: int = 50, cursor: str | None = None) -> Rows:
        """List firings that match."""
        return searching.rows(self._store, query, limit, cursor)

    def count(self, query: Query, most: int = MOST_COUNTED) -> Count:
        """Count firings that match."""
        return searching.count(self._store, query, most)

    def count_states(self, query: Query, most: int = MOST_COUNTED) -> dict[State, Count]:
        """Count firings that match, by state; see ``Backend.count_states``."""
        return searching.count_states(self._store, query, most)

    def job_counts(self, queue: str | None = None, route: str | None = None) -> list[JobCount]:
        """Count firings by route, job and state."""
        return self._store.read(lambda db: routes.job_counts(db, queue, route))

    # --- counters -----------------------------------------------------------------------------------

    def minutes(self, queue: str, route: str, since: int, until: int) -> list[Minute]:
        """Read counters a minute."""
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
        """Read what was counted in each minute or hour."""
        return counters.counters(self._store, routes, since, until, hours=hours, by_job=jobs)

    def totals(self, queue: str | None = None) -> list[Counters]:
        """Read what was counted since the store was made."""
        return self._store.read(lambda db: counters.totals(db, queue))

    def sample(self) -> int:
        """Keep how each route stands in this minute."""
        return counters.sample(self._store)

"""The verbs of ``Backend`` that people and programs use: rows, counts, results, counters, pools, the audit log.

The docstring of ``backend`` holds for these verbs, too. Only ``results`` reads results, and none reads a body or an attempt
state. Each looks at a bounded number of firings, however many the store has.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from typing import NoReturn

import msgspec

from skunkqueue.counters import Counters
from skunkqueue.errors import BackendError
from skunkqueue.listings import MOST_COUNTED, Count, JobCount, Query, Result, Rows
from skunkqueue.pools import Entries, Entry, PoolRecord
from skunkqueue.records import Run, Schedule, State

MINUTES_KEPT = 86_400.0
"""Seconds for which the counters of each minute are kept."""
HOURS_KEPT = 30 * 86_400.0
"""Seconds for which the counters of each hour are kept."""
MAX_JOBS = 200
"""How many job names the counters and counts of a route distinguish; all others are counted as OTHER_JOBS."""
OTHER_JOBS = "(other jobs)"


class Asking(ABC):  # noqa: B024 - a store may lack them, as its capabilities say
    """What a store answers to people. Its capabilities say which of these verbs it has."""

    # --- firings: capability ``rows`` ----------------------------------------------------------------

    def rows(self, query: Query, limit: int = 50, cursor: str | None = None) -> Rows:
        """List firings that match, in the order of ``Query``; ``cursor``: the ``next`` or ``previous`` of another page.

        A firing that matches from the first page to the last, and keeps its state (and, while pending, its due time), is
        on exactly one page, in either direction. Finished firings are found by an index where the query names any
        of queue, route, states, job, tag, key, error, parent or finished. Other restrictions are checked on the firings that
        are left, at most MAX_LOOK in a call. Running and pending firings are looked at in their order, at most MAX_LOOK
        in a call. A store that has to sort what a firing fired may look through the finished ones instead where these are over
        500,000. Where all of these match, a page looks at one firing more than it shows, to know whether there are more.

        A cursor that did not come from a page of this query raises ``BackendError``.
        """
        del query, limit, cursor
        self._cannot("rows")

    def count(self, query: Query, most: int = MOST_COUNTED) -> Count:
        """Count the firings that match, looking at no more than ``most`` of them; ``newest`` does not matter.

        A queue, a route and states alone are counted exactly and at once, however many there are, where
        ``RouteInfo.exact`` says so.
        """
        del query, most
        self._cannot("rows")

    def count_states(self, query: Query, most: int = MOST_COUNTED) -> dict[State, Count]:
        """Count the firings that match, by state; every state is there, those that the query leaves out with 0.

        As ``count`` for each state, but a store may look at all finished firings together, at no more than ``most`` of them.
        """
        wanted = query.states or tuple(State)
        return {
            state: self.count(msgspec.structs.replace(query, states=(state,)), most)
            if state in wanted
            else Count(number=0, exact=True)
            for state in State
        }

    def job_counts(self, queue: str | None = None, route: str | None = None) -> list[JobCount]:
        """Count firings by route, job and state, in the order of these names. A job without any is left out.

        It distinguishes the same jobs as the counters.
        """
        del queue, route
        self._cannot("rows")

    def results(self, ids: Sequence[str]) -> list[Result | None]:
        """Read how firings ended, any number, in order; ``None`` for one that is unknown or gone.

        Up to MAX_PAGE take one round trip. No body is read.
        """
        del ids
        self._cannot("rows")

    def delete(self, ids: Sequence[str]) -> dict[str, State | None]:
        """Remove firings, finished or pending; return the state each had before (``None``: unknown).

        A running firing stays as it is. One that is removed is unknown to ``get`` from then on, and its key is
        free. A schedule whose pending firing is removed is listed by ``idle_schedules``, as after a kill.
        """
        del ids
        self._cannot("rows")

    def run_now(self, ids: Sequence[str]) -> dict[str, State | None]:
        """Make pending firings due now; return the state each had before (``None``: unknown).

        One that is already due keeps its place. Its priority, its target and a pause of its route still apply.
        """
        del ids
        self._cannot("rows")

    # --- counters: capability ``counters`` -----------------------------------------------------------

    def counters(
        self,
        routes: Sequence[tuple[str, str]],
        since: float,
        until: float,
        *,
        hours: bool = False,
        jobs: bool = False,
    ) -> list[Counters]:
        """Read what was counted on these routes, for each minute or hour that begins in ``since <= begin < until``.

        Spans without any are left out; all are where one of the two is NaN. In the order of ``routes``, then of time. With
        ``jobs``: one for each job, in the order of names; otherwise the sum of all jobs, with the samples. See ``counters``
        for the values.
        """
        del routes, since, until, hours, jobs
        self._cannot("counters")

    def totals(self, queue: str | None = None) -> list[Counters]:
        """Read what was counted by route and job since the store was made. No value ever falls. No samples."""
        del queue
        self._cannot("counters")

    def sample(self) -> int:
        """Take the samples of this minute, on each route that has none yet; return on how many.

        ``sweep`` calls it, and does not count that as something done.
        """
        self._cannot("counters")

    # --- pools: capability ``pools`` -----------------------------------------------------------------

    def register_pool(self, pool: PoolRecord, lease: float) -> None:
        """List a pool until ``lease`` seconds after its last beat. From then on it has a mailbox, as a worker has."""
        del pool, lease
        self._cannot("pools")

    def beat_pool(self, pool: PoolRecord, lease: float) -> bool:
        """List a pool for some more time, as it is now; False where it was not listed any more (it is again)."""
        del pool, lease
        self._cannot("pools")

    def unregister_pool(self, pool: str) -> None:
        """Take a pool off the list, with its mailbox."""
        del pool
        self._cannot("pools")

    def pools(self, queue: str | None = None) -> list[PoolRecord]:
        """List live pools, oldest first. A dead pool is not listed, even before a sweep."""
        del queue
        self._cannot("pools")

    # --- the audit log: capability ``audit`` ---------------------------------------------------------

    def log_entry(self, entry: Entry) -> None:
        """Add an entry to the audit log, with the time of now. An entry whose id is already known stays as it is."""
        del entry
        self._cannot("audit")

    def note_entry(
        self, id_: str, *, did: str | None = None, heard: bool = False, done: bool = False
    ) -> bool:
        """Add to an entry what became of it: ``did`` replaces the old text, ``heard`` and ``done`` set these times to now.

        A time that is already set stays. False where the entry is unknown or gone.
        """
        del id_, did, heard, done
        self._cannot("audit")

    def audit(
        self,
        limit: int = 50,
        cursor: str | None = None,
        *,
        who: str | None = None,
        verb: str | None = None,
        id_: str | None = None,
    ) -> Entries:
        """List the audit log, newest first, at most MAX_PAGE; of one person, verb or id. An invalid cursor raises ``BackendError``."""
        del limit, cursor, who, verb, id_
        self._cannot("audit")

    # --- schedules: capability ``schedule pages`` ----------------------------------------------------

    def schedule_page(
        self, queue: str | None = None, limit: int = 50, after: tuple[str, str] | None = None
    ) -> list[Schedule]:
        """List up to ``limit`` (at most MAX_PAGE) schedules (of one queue) by queue and name, from after this queue and name."""
        del queue, limit, after
        self._cannot("schedule pages")

    def histories(self, names: Sequence[tuple[str, str]]) -> list[list[Run]]:
        """List the last runs of several schedules (queue, name), each as ``history`` does, in one round trip."""
        del names
        self._cannot("schedule pages")

    def _cannot(self, capability: str) -> NoReturn:
        msg = f"{type(self).__name__} does not have the capability {capability!r}: update the package it comes with"
        raise BackendError(msg)

"""The verbs of the hot path over FoundationDB: each is one transaction, by the module that is named as its area."""

from __future__ import annotations

from collections.abc import Sequence

from skunkqueue.persistence.backend import MAX_PAGE
from skunkqueue.persistence.fdb import claim, enqueue, leases, reading, settle, waiting, wakeups
from skunkqueue.persistence.fdb.base import StoreBackend
from skunkqueue.persistence.fdb.transactions import Transaction
from skunkqueue.records import Claim, ClaimRef, Firing, Outcome, Record


class FdbBackend(StoreBackend):
    """A store in a FoundationDB cluster, for any number of processes on any number of machines."""

    def enqueue(self, firings: Sequence[Firing]) -> list[str]:
        """Put firings in; see ``Backend.enqueue``."""
        if not firings:
            return []
        return self._link.run(lambda tr: enqueue.put(tr, firings), repeatable=True)

    def claim(self, queue: str, route: str, worker: str, limit: int, lease: float) -> list[Claim]:
        """Lend firings; see ``Backend.claim``."""
        link = self._link
        claiming = claim.Claiming(queue, route, worker, limit, lease)
        while True:
            claims = link.run(claiming, repeatable=True)
            if not claiming.overdue:
                return claims
            link.run(lambda tr: leases.reclaim(tr, queue, route))

    def settle(self, outcomes: Sequence[Outcome]) -> list[str]:
        """Hand in outcomes; see ``Backend.settle``."""
        stale: list[str] = []
        for batch in settle.batches(outcomes) if outcomes else ():
            stale += self._link.run(lambda tr, batch=batch: settle.settle(tr, batch))  # type: ignore[misc]
        return stale

    def extend(self, claims: Sequence[ClaimRef], lease: float) -> list[str]:
        """Make leases last longer; see ``Backend.extend``."""
        if not claims:
            return []
        return self._link.run(lambda tr: leases.extend(tr, claims, lease))

    def wait(self, queue: str, route: str, worker: str, timeout: float) -> bool:
        """Block until something may be claimable; see ``Backend.wait``."""
        return wakeups.wait_until(self._link, lambda tr: waiting.look(tr, queue, route, worker), timeout)

    def get(self, ids: Sequence[str]) -> list[Record | None]:
        """Read firings by id; see ``Backend.get``."""
        wanted = ids[:MAX_PAGE]
        found = self._link.read(lambda tr: reading.records(tr, wanted))
        return [found.get(id_) for id_ in wanted]

    def wait_settled(self, ids: Sequence[str], timeout: float) -> list[str]:
        """Block until one of the firings is finished or unknown; see ``Backend.wait_settled``."""
        if not ids:
            return []

        def look(tr: Transaction) -> tuple[list[str], None, Sequence[bytes]]:
            over, watched = reading.settled_among(tr, ids)
            return over, None, watched

        return wakeups.wait_until(self._link, look, timeout)

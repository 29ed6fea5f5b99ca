"""The verbs of the hot path over FoundationDB: each is one transaction, by the module that is named as its area."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from skunkqueue.errors import BackendError
from skunkqueue.persistence import rules
from skunkqueue.persistence.awaited import AwaitedClaim
from skunkqueue.persistence.encoding import refuses_what_is_not_utf8
from skunkqueue.persistence.fdb import (
    application_transactions,
    claim,
    leases,
    reading,
    settle,
    staged_batch,
    waiting,
    wakeups,
)
from skunkqueue.persistence.fdb.administration import Administration
from skunkqueue.persistence.fdb.awaited import WatchedClaim
from skunkqueue.persistence.fdb.claim import Claiming
from skunkqueue.persistence.fdb.errors import TransactionTooLargeError
from skunkqueue.persistence.fdb.transactions import Transaction
from skunkqueue.records import Claim, ClaimRef, Firing, Outcome, Record


@refuses_what_is_not_utf8
class FdbBackend(Administration):
    """A store in a FoundationDB cluster, for any number of processes on any number of machines."""

    capabilities: ClassVar[frozenset[str]] = Administration.capabilities | {"transactions"}

    def enqueue(self, firings: Sequence[Firing]) -> list[str]:
        """Put firings in; see ``Backend.enqueue``."""
        if not firings:
            return []
        if staged_batch.is_large(firings):
            return staged_batch.put(self._link, firings)
        try:
            return self._group.put(firings)
        except TransactionTooLargeError:
            if len(firings) == 1:
                raise
        # Names and tags are not counted before, as they are mostly short.
        return staged_batch.put(self._link, firings)

    def enqueue_in(self, transaction: Any, firings: Sequence[Firing]) -> list[str]:
        """Put firings in within the application's transaction; see ``Backend.enqueue_in``."""
        return application_transactions.put_in(self._link, transaction, firings)

    def claim(self, queue: str, route: str, worker: str, limit: int, lease: float) -> list[Claim]:
        """Lend firings; see ``Backend.claim``."""
        claiming = Claiming(queue, route, worker, limit, lease)
        try:
            claims = self._claim(claiming, queue, route)
            self._link.check()
        except BackendError:
            if self._link.closed.is_set() and claiming.may_have_lent:
                self._link.run_last(claiming.take_back)
            raise
        return claims

    def _claim(self, claiming: Claiming, queue: str, route: str) -> list[Claim]:
        link = self._link
        while True:
            claims = link.run(claiming, repeatable=True)
            if claiming.overdue:
                link.run(lambda tr: leases.reclaim(tr, queue, route))
            elif claims or not claiming.half_done or not staged_batch.finish(link):
                return claims

    def claim_ahead(
        self, queue: str, route: str, worker: str, limit: int, lease: float
    ) -> Callable[[], list[Claim]]:
        """Claim on a thread of the store's own; see ``Backend.claim_ahead``."""
        return self._link.beside(lambda: self.claim(queue, route, worker, limit, lease))

    def settle(self, outcomes: Sequence[Outcome]) -> list[str]:
        """Hand in outcomes; see ``Backend.settle``."""
        stale: list[str] = []
        for batch in settle.batches(outcomes) if outcomes else ():
            for found in self._run_each(settle.settle, batch):
                stale += found
        return stale

    def extend(self, claims: Sequence[ClaimRef], lease: float) -> list[str]:
        """Make leases last longer; see ``Backend.extend``."""
        if not claims:
            return []
        return self._link.run(lambda tr: leases.extend(tr, claims, lease))

    def wait(self, queue: str, route: str, worker: str, timeout: float) -> bool:
        """Block until something may be claimable; see ``Backend.wait``."""
        return wakeups.wait_until(
            self._link, lambda tr: waiting.look(tr, queue, route, worker), timeout, nothing=False
        )

    def wait_any(self, queue: str, routes: Sequence[str], worker: str, timeout: float) -> str | None:
        """Block until something may be claimable on one of several routes; see ``Backend.wait_any``."""
        return wakeups.wait_until(
            self._link, lambda tr: waiting.look_at_each(tr, queue, routes, worker), timeout, nothing=None
        )

    def claim_next(
        self, queue: str, route: str, worker: str, limit: int, lease: float, *, timeout: float
    ) -> list[Claim]:
        """Claim, or wait and claim; see ``Backend.claim_next``."""
        claims = self.claim(queue, route, worker, limit, lease)
        if claims or timeout <= 0 or not self.wait(queue, route, worker, timeout):
            return claims
        claim.step_aside(self._link, queue, route)
        return [] if self._link.closed.is_set() else self.claim(queue, route, worker, limit, lease)

    def begin_claim(
        self, queue: str, route: str, worker: str, limit: int, lease: float
    ) -> AwaitedClaim | None:
        """Wait at a pipe into which a watch writes; see ``Backend.begin_claim``."""
        if self._link.time.is_virtual:
            return None
        return WatchedClaim(
            self._link,
            lambda tr: waiting.look(tr, queue, route, worker),
            lambda: self.claim(queue, route, worker, limit, lease),
            lambda: claim.step_aside(self._link, queue, route),
        )

    def get(self, ids: Sequence[str]) -> list[Record | None]:
        """Read firings by id; see ``Backend.get``."""

        def read(some: Sequence[str]) -> list[Record | None]:
            found = self._link.read(lambda tr: reading.records(tr, some))
            return [found.get(id_) for id_ in some]

        return rules.in_pages(read, ids)

    def wait_settled(self, ids: Sequence[str], timeout: float) -> list[str]:
        """Block until one of the firings is finished or unknown; see ``Backend.wait_settled``."""
        if not ids:
            return []

        def look(tr: Transaction) -> tuple[list[str], None, Sequence[bytes]]:
            over, watched = reading.settled_among(tr, ids)
            return over, None, watched

        return wakeups.wait_until(self._link, look, timeout, nothing=[])

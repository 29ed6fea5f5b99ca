"""A small but constant load on a store whose server fails: each firing is followed by another.

Each thread has the store opened for itself, as processes would have.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import final

from skunkqueue.contract.makers import QUEUE, ROUTE, counters, counts, firing, firings, ids, listed, outcome
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import Claim, Outcome, State
from tests.redis.patience import persistently
from tests.support.waiting import eventually, pause

AFTER = "after"
"""The route of what follows; each of them says in its body what it follows from."""
PATIENCE = 180.0


@final
class Load:
    """Producers that enqueue batches of ten, and workers that claim and settle, until ``finish``."""

    def __init__(
        self,
        open_store: Callable[[], Backend],
        *,
        producers: int = 1,
        workers: int = 2,
        lease: float = 2.0,
        counts_are_kept: bool = False,
    ) -> None:
        """``counts_are_kept``: the store counts in the transaction that it counts, so that no fault loses one."""
        self.accepted: list[str] = []
        """What the store said it had put in."""
        self.recorded: Counter[str] = Counter()
        """How often the store said that it has taken a firing's result."""
        self._open = open_store
        self._lease = lease
        self._counts_are_kept = counts_are_kept
        self._lock = threading.Lock()
        self._enough = threading.Event()
        self._over = threading.Event()
        self._threads = ThreadPoolExecutor(producers + workers + 1, thread_name_prefix="load")
        self._producing = [self._threads.submit(self._produce) for _ in range(producers)]
        self._working: list[Future[None]] = [
            self._threads.submit(self._work, f"worker-{number}", ROUTE) for number in range(workers)
        ]
        self._working.append(self._threads.submit(self._work, "follower", AFTER))

    def __enter__(self) -> Load:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._enough.set()
        self._over.set()
        self._threads.shutdown()

    def goes_on(self, more: int = 50) -> None:
        """Wait until so many more are accepted, and the results of so many more."""
        accepted, recorded = len(self.accepted), self.recorded.total()

        def check() -> bool:
            self._fail()
            return len(self.accepted) >= accepted + more and self.recorded.total() >= recorded + more

        eventually(check, PATIENCE, what=f"{more} more firings are accepted and settled")

    def finish(self) -> None:
        """Enqueue no more, and see that what was accepted is complete, and what follows, each once."""
        self._enough.set()
        for producer in self._producing:
            producer.result(PATIENCE)
        store = self._open()

        def done() -> bool:
            self._fail()
            first, then = counts(store), counts(store, route=AFTER)
            return first == then == {State.COMPLETE: len(self.accepted)}

        try:
            eventually(done, PATIENCE, every=0.1)
        except AssertionError:
            first, then = counts(store), counts(store, route=AFTER)
            msg = f"{len(self.accepted)} were accepted; there are {first}, and {then} that follow"
            raise AssertionError(msg) from None
        self._over.set()
        for worker in self._working:
            worker.result(PATIENCE)
        accepted = sorted(self.accepted)
        complete = listed(store, State.COMPLETE, limit=1_000)
        followers = listed(store, State.COMPLETE, limit=1_000, route=AFTER)
        assert sorted(ids(complete)) == accepted
        assert sorted(record.body.decode() for record in followers) == accepted
        # The result that stays is that of the attempt whose token it is.
        assert all(record.result == b"%d" % record.token for record in [*complete, *followers])
        assert {id_: n for id_, n in self.recorded.items() if n > 1} == {}
        # Elsewhere a count may be lost with its server, but none is there twice.
        counted = counters(store).get("complete", 0)
        assert counted == len(accepted) if self._counts_are_kept else counted <= len(accepted)

    def _fail(self) -> None:
        for future in [*self._producing, *self._working]:
            if future.done():
                future.result()

    def _produce(self) -> None:
        store = self._open()
        while not self._enough.is_set():
            made = firings(10)
            assert persistently(lambda: store.enqueue(made)) == ids(made)  # noqa: B023 - called at once
            with self._lock:
                self.accepted += ids(made)
            pause(0.005)

    def _work(self, worker: str, route: str) -> None:
        store = self._open()
        while not self._over.is_set():
            lent = persistently(
                lambda: store.claim_next(QUEUE, route, worker, 5, self._lease, timeout=0.5), PATIENCE
            )
            if lent:
                outcomes = [_outcome(one, route) for one in lent]
                # Stale ones are no mistake: their lease may have ended while nobody answered.
                stale = persistently(lambda: store.settle(outcomes))  # noqa: B023 - called at once
                with self._lock:
                    self.recorded.update(one.id for one in outcomes if one.id not in stale)


def _outcome(lent: Claim, route: str) -> Outcome:
    follow = () if route == AFTER else (firing(route=AFTER, body=lent.id.encode()),)
    return outcome(lent, result=b"%d" % lent.token, began=lent.claimed, follow=follow)

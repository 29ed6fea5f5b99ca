"""Many at once: threads on one backend, and processes on one store. Every firing is recorded once."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import ClassVar

import pytest

from skunkqueue.contract.child import Orders
from skunkqueue.contract.children import orders, started
from skunkqueue.contract.effort import EFFORT
from skunkqueue.contract.kit import PATIENCE, Kit, open_empty, require
from skunkqueue.contract.makers import (
    QUEUE,
    ROUTE,
    claim,
    counters,
    counts,
    death,
    firing,
    firings,
    ids,
    listed,
    outcome,
    rows_of,
    schedule,
    state,
)
from skunkqueue.contract.pace import pace
from skunkqueue.listings import Query
from skunkqueue.persistence.backend import Backend, BackendConfig
from skunkqueue.records import Claim, Firing, State, Verdict

FEW = 12
"""Firings that two threads compete for, while they pause at every step."""


class ConcurrencyPromises(Kit):
    """What holds when several threads or processes use a store at the same time."""

    stage: ClassVar[int] = 2

    # --- threads ----------------------------------------------------------------------------------

    def test_threads_settle_every_firing_once(
        self, real_backend: Backend, threads: ThreadPoolExecutor
    ) -> None:
        batch = firings(400)

        def produce(part: int) -> None:
            for made in batch[part::2]:
                real_backend.enqueue([made])

        def work(name: str) -> list[str]:
            done: list[str] = []
            while counts(real_backend).get(State.COMPLETE, 0) < len(batch):
                lent = claim(real_backend, 7, worker=name)
                assert real_backend.settle([outcome(one) for one in lent]) == []
                done += ids(lent)
                if not lent:
                    real_backend.wait(QUEUE, ROUTE, name, 0.05)
            return done

        producers = [threads.submit(produce, part) for part in range(2)]
        workers = [threads.submit(work, f"w{number}") for number in range(4)]
        for producer in producers:
            producer.result(PATIENCE)
        done = [id_ for worker in workers for id_ in worker.result(PATIENCE)]
        assert sorted(done) == sorted(ids(batch))
        assert counters(real_backend) == {"enqueued": 400, "complete": 400}

    def test_one_key_from_many_threads_is_one_firing(
        self, real_backend: Backend, threads: ThreadPoolExecutor
    ) -> None:
        for number in range(10):
            calls = [threads.submit(real_backend.enqueue, [firing(key=f"k{number}")]) for _ in range(8)]
            assert len({id_ for call in calls for id_ in call.result(PATIENCE)}) == 1
        assert counts(real_backend) == {State.PENDING: 10}

    def test_one_claim_settled_by_many_threads_is_settled_once(
        self, real_backend: Backend, threads: ThreadPoolExecutor
    ) -> None:
        real_backend.enqueue(firings(10))
        for lent in claim(real_backend, 10):
            calls = [threads.submit(real_backend.settle, [outcome(lent)]) for _ in range(8)]
            assert sorted(len(call.result(PATIENCE)) for call in calls) == [0] + [1] * 7
        assert counters(real_backend)["complete"] == 10

    @pytest.mark.parametrize("verb", ["kill", "purge", "delete"])
    def test_each_firing_is_taken_away_or_claimed_and_never_both(
        self,
        tested_class: type[Backend],
        real_backend: Backend,
        polite: None,
        threads: ThreadPoolExecutor,
        verb: str,
    ) -> None:
        del polite
        if verb == "delete":
            require(tested_class, "rows")
        batch = firings(FEW)
        real_backend.enqueue(batch)

        def take_away() -> list[str]:
            if verb == "purge":
                real_backend.purge(QUEUE, ROUTE)
                return [
                    id_
                    for id_, record in zip(ids(batch), real_backend.get(ids(batch)), strict=True)
                    if record is None
                ]
            take = real_backend.delete if verb == "delete" else real_backend.kill
            before = {id_: was for made in batch for id_, was in take([made.id]).items()}
            return [id_ for id_, was in before.items() if was is State.PENDING]

        def work() -> list[str]:
            return [lent.id for _ in batch for lent in claim(real_backend)]

        calls = [threads.submit(work), threads.submit(take_away)]
        claimed, taken = (call.result(PATIENCE) for call in calls)
        assert sorted([*claimed, *taken]) == ids(batch)
        assert {state(real_backend, id_) for id_ in claimed} <= {State.RUNNING}
        assert {state(real_backend, id_) for id_ in taken} <= {State.KILLED if verb == "kill" else None}

    def test_each_claim_is_settled_or_given_back_and_never_both(
        self, real_backend: Backend, polite: None, threads: ThreadPoolExecutor
    ) -> None:
        del polite
        for number in range(EFFORT.rounds):
            # Whether the two meet is a matter of luck on a busy machine.
            worker, route = f"w{number}", f"r{number}"
            real_backend.enqueue(firings(FEW, route=route))
            lent = claim(real_backend, FEW, worker=worker, route=route)
            both = Barrier(2)

            def settle(lent: Sequence[Claim] = lent, both: Barrier = both) -> list[str]:
                both.wait(PATIENCE)
                return [one.id for one in lent if not real_backend.settle([outcome(one)])]

            def reap(worker: str = worker, both: Barrier = both) -> int:
                both.wait(PATIENCE)
                return real_backend.reap(worker, [], death(real_backend.now(), worker))

            settling, reaping = threads.submit(settle), threads.submit(reap)
            settled = settling.result(PATIENCE)
            assert len(settled) + reaping.result(PATIENCE) == FEW
            assert [state(real_backend, id_) for id_ in settled] == [State.COMPLETE] * len(settled)
            assert counts(real_backend, route=route).get(State.PENDING, 0) == FEW - len(settled)

    def test_schedule_declared_by_many_threads_is_declared_once(
        self, real_backend: Backend, threads: ThreadPoolExecutor
    ) -> None:
        calls = [threads.submit(real_backend.declare, schedule(), firing()) for _ in range(8)]
        assert sorted(bool(call.result(PATIENCE)) for call in calls) == [False] * 7 + [True]
        assert counts(real_backend) == {State.PENDING: 1}

    def test_verbs_of_all_kinds_at_once_leave_the_counts_right(
        self, real_backend: Backend, threads: ThreadPoolExecutor
    ) -> None:
        batch = firings(300, job="a:x", tags=("s", "t"))
        real_backend.enqueue(batch[:100])

        def meddle(seed: int) -> None:
            chance = random.Random(seed)  # noqa: S311 - no secret
            for _ in range(40):
                chance.choice(verbs_on(real_backend, batch, chance, f"w{seed}"))()

        for call in [threads.submit(meddle, seed) for seed in range(6)]:
            call.result(PATIENCE)
        shown = {state: ids(listed(real_backend, state)) for state in State}
        assert counts(real_backend) == {state: len(some) for state, some in shown.items() if some}
        found = Counter(id_ for some in shown.values() for id_ in some)
        assert set(found.values()) <= {1}
        assert set(found) == {record.id for record in real_backend.get(ids(batch)) if record is not None}
        if "rows" in real_backend.capabilities:
            # In one listing, by an index, and in the counts of its job.
            everything = [(row.id, row.state) for row in rows_of(real_backend)]
            assert sorted(everything) == sorted((id_, state) for state, some in shown.items() for id_ in some)
            assert sorted(everything) == sorted(
                (row.id, row.state) for row in rows_of(real_backend, tag="t", job="a:x")
            )
            told = {state: n for one in real_backend.job_counts() for state, n in one.counts.items() if n}
            assert told == counts(real_backend)

    # --- processes --------------------------------------------------------------------------------

    def test_processes_settle_every_firing_once(
        self, processes: None, tested_class: type[Backend], config: BackendConfig
    ) -> None:
        del processes
        open_empty(tested_class, config).close()
        total = EFFORT.firings
        producers = [
            orders(tested_class, config, "produce", f"p{n}", seed=n, total=total // 2) for n in range(2)
        ]
        workers = [orders(tested_class, config, "work", f"w{n}", seed=n, total=total) for n in range(4)]
        accepted, settled, stale = run_all(producers, workers)
        assert len(accepted) == len(set(accepted)) == total
        assert sorted(id_ for id_, _, _ in settled) == sorted(accepted)
        assert stale == 0
        self._check_records(tested_class, config, settled)

    def test_workers_that_lose_their_leases_record_every_firing_once(
        self, processes: None, tested_class: type[Backend], config: BackendConfig
    ) -> None:
        del processes
        backend = open_empty(tested_class, config)
        # Most of them shall be lost, and some not.
        lease = min(max(0.02, 5 * pace(backend)), 0.5)
        backend.close()
        total = 150 if lease < 0.2 else 50
        producers = [orders(tested_class, config, "produce", "p", total=total)]
        workers = [
            orders(
                tested_class,
                config,
                "work",
                f"w{n}",
                seed=n,
                total=total,
                limit=5,
                lease=lease,
                stall=3 * lease,
            )
            for n in range(4)
        ]
        accepted, settled, stale = run_all(producers, workers)
        assert sorted(id_ for id_, _, _ in settled) == sorted(accepted)
        assert stale > 0, "no lease was lost, so nothing was tested"
        self._check_records(tested_class, config, settled)

    def _check_records(
        self, tested_class: type[Backend], config: BackendConfig, settled: list[tuple[str, int, str]]
    ) -> None:
        backend = tested_class.open(config)
        try:
            results = {record.id: record.result for record in listed(backend, State.COMPLETE, limit=500)}
            assert results == {id_: f"{worker}:{token}".encode() for id_, token, worker in settled}
            assert counts(backend) == {State.COMPLETE: len(settled)}
            counted = counters(backend)
            assert (counted["enqueued"], counted["complete"]) == (len(settled), len(settled))
            if "rows" in backend.capabilities:
                assert sorted(ids(rows_of(backend, limit=500, queue=QUEUE))) == sorted(results)
            if "counters" in backend.capabilities:
                (total,) = backend.totals(QUEUE)
                assert {name: total.values[name] for name in ("enqueued", "complete")} == {
                    "enqueued": len(settled),
                    "complete": len(settled),
                }
        finally:
            backend.close()


def run_all(
    producers: list[Orders], workers: list[Orders]
) -> tuple[list[str], list[tuple[str, int, str]], int]:
    """Run children to their end.

    Returns the ids accepted, what was settled (id, token, worker), and how many outcomes were stale.
    """
    accepted: list[str] = []
    settled: list[tuple[str, int, str]] = []
    stale = 0
    with started(*producers, *workers) as children:
        for child in children:
            for what, told in child.rest():
                if what == "accepted":
                    accepted += told
                elif what == "settled":
                    settled += [(id_, token, child.name) for id_, token in told]
                else:
                    stale += len(told)
    return accepted, settled, stale


def verbs_on(
    backend: Backend, batch: list[Firing], chance: random.Random, name: str
) -> list[Callable[[], object]]:
    """Return verbs of all kinds, with random arguments."""
    some = ids(chance.sample(batch, 5))

    def run() -> None:
        lent = claim(backend, 4, worker=name)
        verdicts = chance.choices([Verdict.COMPLETE, Verdict.ERROR, Verdict.RETRY, Verdict.RELEASE], k=4)
        backend.settle([outcome(one, verdict) for one, verdict in zip(lent, verdicts, strict=False)])

    asked: list[Callable[[], object]] = []
    if "rows" in backend.capabilities:
        asked = [
            lambda: backend.delete(some),
            lambda: backend.run_now(some),
            lambda: rows_of(backend, limit=20, newest=chance.random() < 0.5),
            lambda: backend.count(Query(tag="t")),
        ]
    return [
        *asked,
        run,
        run,
        run,
        lambda: backend.enqueue(chance.sample(batch, 20)),
        lambda: backend.kill(some),
        lambda: backend.requeue(some),
        lambda: claim(backend, 3, worker=name),
        lambda: backend.reap(name, some, death(backend.now(), name)),
        lambda: backend.purge(QUEUE, ROUTE) if chance.random() < 0.1 else None,
        lambda: backend.pause(QUEUE, ROUTE),
        lambda: backend.resume(QUEUE),
        lambda: backend.prune(older=0.01, limit=3),
        backend.routes,
        lambda: backend.page(QUEUE, ROUTE, chance.choice(list(State)), 10),
    ]

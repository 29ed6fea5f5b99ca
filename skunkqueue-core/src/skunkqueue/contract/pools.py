"""Pools: which are listed and how long, and their mailboxes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.kit import Kit, require
from skunkqueue.contract.makers import LEASE, POOL, QUEUE, ROUTE, death, pool, worker
from skunkqueue.contract.sleepers import LONG, PROMPT, woken
from skunkqueue.contract.workers import swept
from skunkqueue.persistence.backend import Backend
from skunkqueue.pools import MAX_SAMPLES, Process, Sample
from skunkqueue.records import Command


class PoolPromises(Kit):
    """What a store promises about pools."""

    def test_registered_pool_is_listed_as_it_said(self, pool_backend: Backend, clock: VirtualClock) -> None:
        samples = (Sample(1.5, 1 << 33, 0.25), Sample(2.5, 7, 0.5))
        said = pool(
            host="☃",
            routes=("a", "b"),
            workers=3,
            started=5.5,
            state="quiet",
            version="1.2",
            processes=(Process(worker="w", pid=7, route="a", state="running", started=1.0, samples=samples),),
        )
        pool_backend.register_pool(said, 60.0)
        (found,) = pool_backend.pools()
        assert msgspec.structs.replace(found, beat=0.0) == said
        assert found.beat == pytest.approx(clock.now(), abs=0.002)

    def test_pool_that_does_not_beat_is_not_listed(self, pool_backend: Backend, clock: VirtualClock) -> None:
        pool_backend.register_pool(pool(), 10.0)
        clock.advance(9)
        assert pool_backend.beat_pool(pool(state="quiet"), 10.0) is True
        clock.advance(9)
        assert [one.state for one in pool_backend.pools()] == ["quiet"]
        clock.advance(2)
        assert pool_backend.pools() == []
        assert pool_backend.send(POOL, Command(verb="stop")) is False
        assert pool_backend.beat_pool(pool(), 10.0) is False
        assert len(pool_backend.pools()) == 1

    def test_pools_come_oldest_first_and_of_the_queue_asked_for(self, pool_backend: Backend) -> None:
        for number, name in enumerate(("c", "a", "b")):
            pool_backend.register_pool(pool(name, started=float(number)), LEASE)
        pool_backend.register_pool(pool("d", queue="other"), LEASE)
        assert [one.id for one in pool_backend.pools(QUEUE)] == ["c", "a", "b"]
        assert [one.id for one in pool_backend.pools("other")] == ["d"]
        assert len(pool_backend.pools()) == 4

    def test_pool_has_a_mailbox_like_a_worker(self, pool_backend: Backend) -> None:
        pool_backend.register_pool(pool(), LEASE)
        pool_backend.register(worker(), LEASE)
        commands = [
            Command(verb="quiet", id="a" * 24),
            Command(verb="rough", worker="worker-1", id="b" * 24),
        ]
        for command in commands:
            assert pool_backend.send(POOL, command) is True
        assert pool_backend.listen("worker-1", 0.0) == []
        assert pool_backend.listen(POOL, 1.0) == commands
        assert pool_backend.listen(POOL, 0.0) == []

    def test_unregistered_pool_is_gone_with_its_mail(self, pool_backend: Backend) -> None:
        pool_backend.register_pool(pool(), LEASE)
        pool_backend.send(POOL, Command(verb="stop"))
        pool_backend.unregister_pool(POOL)
        pool_backend.unregister_pool(POOL)
        assert pool_backend.pools() == []
        pool_backend.register_pool(pool(), LEASE)
        assert pool_backend.listen(POOL, 0.0) == []

    def test_pools_are_no_workers(self, pool_backend: Backend) -> None:
        pool_backend.register_pool(pool(), LEASE)
        assert pool_backend.workers() == []
        pool_backend.register(worker(), LEASE)
        assert [one.id for one in pool_backend.pools()] == [POOL]

    def test_dead_pool_is_swept_away(self, pool_backend: Backend, clock: VirtualClock) -> None:
        pool_backend.register_pool(pool(), 10.0)
        pool_backend.send(POOL, Command(verb="stop"))
        clock.advance(3600)
        swept(pool_backend)
        pool_backend.register_pool(pool(), 10.0)
        assert pool_backend.listen(POOL, 0.0) == []

    def test_command_wakes_the_pool_that_listens(
        self, tested_class: type[Backend], real_backend: Backend, threads: ThreadPoolExecutor
    ) -> None:
        require(tested_class, "pools")
        real_backend.register_pool(pool(), 60.0)
        order = Command(verb="restart", id="a" * 24)
        heard, took = woken(
            threads, lambda: real_backend.listen(POOL, LONG), lambda: real_backend.send(POOL, order)
        )
        assert heard == [order]
        assert took < PROMPT

    def test_pool_of_many_processes_is_listed_with_all_samples(self, pool_backend: Backend) -> None:
        processes = tuple(
            Process(
                worker=f"{number:024x}",
                pid=number,
                route=ROUTE,
                state="running",
                started=1.5,
                samples=tuple(Sample(1e9 + second, 1 << 40, second / 8) for second in range(MAX_SAMPLES)),
            )
            for number in range(64)
        )
        said = pool(workers=64, processes=processes)
        pool_backend.register_pool(said, LEASE)
        (found,) = pool_backend.pools()
        assert found.processes == processes

    def test_reaping_a_worker_leaves_its_pool_listed(
        self, pool_backend: Backend, clock: VirtualClock
    ) -> None:
        pool_backend.register_pool(pool(), LEASE)
        pool_backend.register(worker(pool=POOL), LEASE)
        order = Command(verb="stop")
        pool_backend.send(POOL, order)
        pool_backend.reap("worker-1", [], death(clock.now()))
        assert pool_backend.sweep() == 0
        assert [one.id for one in pool_backend.pools()] == [POOL]
        assert pool_backend.listen(POOL, 0.0) == [order]

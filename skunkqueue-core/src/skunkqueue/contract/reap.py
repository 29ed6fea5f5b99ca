"""Reaping: what a dead worker held comes back at once, and a death is counted where a job had begun."""

from __future__ import annotations

import msgspec

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.kit import Kit
from skunkqueue.contract.makers import (
    LEASE,
    OTHER,
    WORKER,
    claim,
    claimed,
    counts,
    death,
    firing,
    firings,
    ids,
    outcome,
    read,
    settled,
    state,
    worker,
)
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import Command, Death, State, WorkerRecord


def listed(workers: list[WorkerRecord]) -> list[str]:
    """List their ids."""
    return [record.id for record in workers]


class ReapPromises(Kit):
    """What ``reap`` promises."""

    def test_reaping_gives_claims_back_at_once(self, backend: Backend, clock: VirtualClock) -> None:
        backend.enqueue(firings(3))
        lent = claim(backend, 3)
        assert backend.reap(WORKER, [lent[0].id], death(clock.now())) == 3
        assert counts(backend) == {State.PENDING: 3}

    def test_reaping_counts_a_death_for_what_had_begun(self, backend: Backend, clock: VirtualClock) -> None:
        lent = claimed(backend)
        evidence = death(clock.now(), cause="exit", exit_code=3, signal=None)
        backend.reap(WORKER, [lent.id], evidence)
        (again,) = claim(backend, worker=OTHER)
        assert again.deaths == 1
        assert [msgspec.json.decode(line, type=Death) for line in again.evidence.splitlines()] == [evidence]

    def test_reaping_releases_what_had_not_begun(self, backend: Backend, clock: VirtualClock) -> None:
        begun, first, second = firings(3)
        backend.enqueue([begun, first, second])
        claim(backend, 3)
        clock.advance(5)
        backend.reap(WORKER, [begun.id], death(clock.now()))
        assert ids(claim(backend, 9, worker=OTHER)) == [begun.id]
        rest = claim(backend, 9, worker=OTHER)
        assert [(lent.id, lent.deaths, lent.evidence) for lent in rest] == [
            (first.id, 0, ""),
            (second.id, 0, ""),
        ]

    def test_reaping_keeps_every_place(self, backend: Backend, clock: VirtualClock) -> None:
        lent = claimed(backend)
        clock.advance(5)
        backend.enqueue(firings(2))
        backend.reap(WORKER, [lent.id], death(clock.now()))
        (again,) = claim(backend, worker=OTHER)
        assert (again.id, again.due) == (lent.id, lent.due)

    def test_reaping_takes_a_worker_off_the_list(self, backend: Backend, clock: VirtualClock) -> None:
        backend.register(worker(), 60.0)
        backend.reap(WORKER, [], death(clock.now()))
        assert backend.workers() == []
        assert backend.send(WORKER, Command(verb="stop")) is False

    def test_reaping_gives_back_what_is_held_on_each_route(
        self, backend: Backend, clock: VirtualClock
    ) -> None:
        backend.register(worker(route="x", routes=("x", "y")), 60.0)
        lent = [claimed(backend, route=route) for route in ("x", "y")]
        copies = [firing(route=route, target=WORKER) for route in ("x", "y")]
        backend.enqueue(copies)
        assert backend.reap(WORKER, [lent[1].id], death(clock.now())) == 2
        again = [one for route in ("x", "y") for one in claim(backend, worker=OTHER, route=route)]
        assert [(one.id, one.deaths) for one in again] == [(lent[0].id, 0), (lent[1].id, 1)]
        assert [state(backend, made.id) for made in copies] == [State.KILLED, State.KILLED]

    def test_reaping_leaves_the_living_alone(self, backend: Backend, clock: VirtualClock) -> None:
        backend.register(worker(OTHER), 60.0)
        mine, theirs = claimed(backend), claimed(backend, worker=OTHER)
        assert backend.reap(WORKER, [mine.id, theirs.id], death(clock.now())) == 1
        assert listed(backend.workers()) == [OTHER]
        record = read(backend, theirs.id)
        assert (record.state, record.deaths) == (State.RUNNING, 0)

    def test_reaping_of_one_without_claims_gives_nothing_back(
        self, backend: Backend, clock: VirtualClock
    ) -> None:
        done = settled(backend)
        assert backend.reap(WORKER, [done, "f" * 24], death(clock.now())) == 0
        assert backend.reap("nobody", [], death(clock.now())) == 0
        assert read(backend, done).deaths == 0

    def test_outcome_of_the_reaped_is_stale(self, backend: Backend, clock: VirtualClock) -> None:
        lent = claimed(backend)
        backend.reap(WORKER, [lent.id], death(clock.now()))
        assert backend.settle([outcome(lent)]) == [lent.id]
        claim(backend, worker=OTHER)
        assert backend.settle([outcome(lent)]) == [lent.id]
        assert state(backend, lent.id) is State.RUNNING

    def test_reaping_and_the_end_of_a_lease_are_one_death(
        self, backend: Backend, clock: VirtualClock
    ) -> None:
        lent = claimed(backend)
        clock.advance(LEASE + 1)
        backend.reap(WORKER, [lent.id], death(clock.now()))
        (again,) = claim(backend, worker=OTHER)
        assert again.deaths == 1

    def test_reaping_does_not_take_what_another_reclaimed(
        self, backend: Backend, clock: VirtualClock
    ) -> None:
        lent = claimed(backend)
        clock.advance(LEASE + 1)
        claim(backend, worker=OTHER)
        assert backend.reap(WORKER, [lent.id], death(clock.now())) == 0
        record = read(backend, lent.id)
        assert (record.state, record.worker, record.deaths) == (State.RUNNING, OTHER, 1)

    def test_reaping_kills_the_copies_for_the_dead(self, backend: Backend, clock: VirtualClock) -> None:
        backend.register(worker(), 60.0)
        running = claimed(backend, target=WORKER)
        waiting, elsewhere = firing(target=WORKER), firing(target=OTHER)
        backend.enqueue([waiting, elsewhere])
        backend.reap(WORKER, [running.id], death(clock.now()))
        assert (state(backend, running.id), state(backend, waiting.id)) == (State.KILLED, State.KILLED)
        assert state(backend, elsewhere.id) is State.PENDING

"""Workers: which are listed and how long, and what a sweep removes after them."""

from __future__ import annotations

import msgspec
import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.kit import Kit
from skunkqueue.contract.makers import (
    LEASE,
    OTHER,
    QUEUE,
    ROUTE,
    WORKER,
    claim,
    claimed,
    counts,
    firing,
    firings,
    ids,
    outcome,
    read,
    settled,
    state,
    worker,
)
from skunkqueue.persistence.backend import COMPLETE_TTL, Backend
from skunkqueue.persistence.worker_verbs import MUCH_SWEPT
from skunkqueue.records import MAX_RUNNING, State, Verdict, WorkerRecord


def swept(backend: Backend) -> int:
    """Sweep until nothing is left to do; return how much was done."""
    done = 0
    for _ in range(1_000):
        now = backend.sweep()
        if not now:
            return done
        done += now
    msg = "sweep never comes to an end"
    raise AssertionError(msg)


def listed(workers: list[WorkerRecord]) -> list[str]:
    """List their ids."""
    return [record.id for record in workers]


class WorkerPromises(Kit):
    """What the verbs for workers promise."""

    # --- the list ---------------------------------------------------------------------------------

    def test_nobody_is_listed_at_first(self, backend: Backend) -> None:
        assert backend.workers() == []

    def test_registered_worker_is_listed_as_it_said(self, backend: Backend, clock: VirtualClock) -> None:
        said = worker(
            host="☃",
            pid=1,
            started=5.5,
            state="busy",
            current="a" * 24,
            done=3,
            rss=1 << 33,
            version="1.2",
            running=tuple(f"{number:024x}" for number in range(MAX_RUNNING)),
            more=23,
            routes=(ROUTE, "☃", "x,y"),
        )
        backend.register(said, 60.0)
        (record,) = backend.workers()
        assert msgspec.structs.replace(record, beat=0.0) == said
        assert record.beat == pytest.approx(clock.now(), abs=0.002)

    def test_worker_is_listed_until_its_lease_is_over(self, backend: Backend, clock: VirtualClock) -> None:
        backend.register(worker(), 10.0)
        clock.advance(9)
        assert listed(backend.workers()) == [WORKER]
        clock.advance(2)
        assert backend.workers() == []

    def test_beat_keeps_a_worker_listed(self, backend: Backend, clock: VirtualClock) -> None:
        backend.register(worker(), 10.0)
        for _ in range(5):
            clock.advance(8)
            assert backend.beat(worker(), 10.0) is True
        (record,) = backend.workers()
        assert record.beat == pytest.approx(clock.now(), abs=0.002)

    def test_beat_brings_the_news(self, backend: Backend) -> None:
        backend.register(worker(), 10.0)
        backend.beat(worker(state="busy", current="b" * 24, done=7, rss=99), 10.0)
        (record,) = backend.workers()
        assert (record.state, record.current, record.done, record.rss) == ("busy", "b" * 24, 7, 99)

    def test_beat_of_the_vanished_lists_it_again(self, backend: Backend, clock: VirtualClock) -> None:
        backend.register(worker(), 10.0)
        clock.advance(20)
        assert backend.beat(worker(), 10.0) is False
        assert listed(backend.workers()) == [WORKER]
        assert backend.beat(worker(), 10.0) is True

    def test_beat_of_the_swept_lists_it_again(self, backend: Backend, clock: VirtualClock) -> None:
        backend.register(worker(), 10.0)
        clock.advance(20)
        swept(backend)
        assert backend.beat(worker(), 10.0) is False
        assert listed(backend.workers()) == [WORKER]

    def test_workers_are_listed_oldest_first(self, backend: Backend) -> None:
        for id_, started in (("b", 30.0), ("c", 10.0), ("a", 20.0)):
            backend.register(worker(id_, started=started), 60.0)
        assert listed(backend.workers()) == ["c", "a", "b"]

    def test_workers_are_listed_by_queue_and_route(self, backend: Backend) -> None:
        for id_, queue, route in (("a", "q", "x"), ("b", "q", "y"), ("c", "p", "x")):
            backend.register(worker(id_, queue=queue, route=route), 60.0)
        assert sorted(listed(backend.workers())) == ["a", "b", "c"]
        assert sorted(listed(backend.workers("q"))) == ["a", "b"]
        assert listed(backend.workers("q", "y")) == ["b"]
        assert backend.workers("p", "y") == []

    def test_worker_of_several_routes_is_listed_under_each_of_them(self, backend: Backend) -> None:
        backend.register(worker("a", started=1.0, route="x", routes=("x", "y", "z")), 60.0)
        backend.register(worker("b", started=2.0, route="y"), 60.0)
        assert {route: listed(backend.workers(QUEUE, route)) for route in "xyz"} == {
            "x": ["a"],
            "y": ["a", "b"],
            "z": ["a"],
        }
        assert listed(backend.workers(route="z")) == ["a"]
        assert backend.workers("other", "y") == []

    def test_worker_of_several_routes_is_listed_once_where_no_route_is_given(self, backend: Backend) -> None:
        backend.register(worker("a", route="x", routes=("x", "y")), 60.0)
        assert listed(backend.workers()) == ["a"]
        assert listed(backend.workers(QUEUE)) == ["a"]

    def test_worker_that_names_its_route_alone_listens_on_that(self, backend: Backend) -> None:
        backend.register(worker(route="x"), 60.0)
        (record,) = backend.workers()
        assert record.routes == ("x",)

    def test_beat_brings_other_routes(self, backend: Backend) -> None:
        backend.register(worker(route="x", routes=("x", "y")), 10.0)
        backend.beat(worker(route="x", routes=("x", "z")), 10.0)
        assert backend.workers(QUEUE, "y") == []
        assert listed(backend.workers(QUEUE, "z")) == [WORKER]

    def test_copies_on_each_route_of_a_worker_reach_it(self, backend: Backend) -> None:
        routes = ("x", "y")
        backend.register(worker(route="x", routes=routes), 60.0)
        backend.register(worker(OTHER, route="x", routes=routes), 60.0)
        made = {route: firing(route=route, target=WORKER) for route in routes}
        backend.enqueue(list(made.values()))
        swept(backend)
        for route in routes:
            assert claim(backend, worker=OTHER, route=route) == []
            assert ids(claim(backend, route=route)) == [made[route].id]

    def test_unregistered_worker_is_not_listed(self, backend: Backend) -> None:
        backend.register(worker(), 60.0)
        backend.register(worker(OTHER), 60.0)
        backend.unregister(WORKER)
        assert listed(backend.workers()) == [OTHER]

    def test_unregistering_the_unknown_does_nothing(self, backend: Backend) -> None:
        backend.unregister("nobody")
        assert backend.workers() == []

    def test_unregistering_leaves_claims_alone(self, backend: Backend) -> None:
        backend.register(worker(), 60.0)
        lent = claimed(backend)
        backend.unregister(WORKER)
        assert state(backend, lent.id) is State.RUNNING
        assert backend.settle([outcome(lent)]) == []

    # --- sweeping ---------------------------------------------------------------------------------

    def test_sweep_of_a_clean_store_does_nothing(self, backend: Backend) -> None:
        backend.register(worker(), 60.0)
        settled(backend)
        backend.enqueue(firings(2))
        claim(backend)
        assert backend.sweep() == 0

    def test_maintaining_changes_nothing_that_is_asked(self, backend: Backend) -> None:
        made = [firing() for _ in range(60)]
        for one in made:
            backend.enqueue([one])
            backend.settle([outcome(lent) for lent in claim(backend)])
        before = backend.get([one.id for one in made])
        for _ in range(3):
            backend.maintain()
        assert backend.get([one.id for one in made]) == before
        assert {one.state for one in before if one} == {State.COMPLETE}

    def test_sweep_forgets_the_dead_and_ends(self, backend: Backend, clock: VirtualClock) -> None:
        for number in range(5):
            backend.register(worker(f"w{number}"), 10.0)
        clock.advance(11)
        backend.register(worker("alive"), 10.0)
        assert swept(backend) >= 5
        assert listed(backend.workers()) == ["alive"]
        assert backend.sweep() == 0

    def test_sweep_kills_the_copies_for_the_dead(self, backend: Backend, clock: VirtualClock) -> None:
        backend.register(worker(), 10.0)
        backend.register(worker(OTHER), 100.0)
        dead, living, common = firing(target=WORKER), firing(target=OTHER), firing()
        backend.enqueue([dead, living, common])
        clock.advance(11)
        swept(backend)
        assert [state(backend, made.id) for made in (dead, living, common)] == [
            State.KILLED,
            State.PENDING,
            State.PENDING,
        ]

    def test_sweep_kills_the_copies_for_the_unregistered(self, backend: Backend) -> None:
        backend.register(worker(), 60.0)
        made = firing(target=WORKER)
        backend.enqueue([made])
        backend.unregister(WORKER)
        swept(backend)
        assert state(backend, made.id) is State.KILLED

    def test_sweep_kills_copies_that_came_too_late(self, backend: Backend) -> None:
        backend.register(worker(), 60.0)
        backend.unregister(WORKER)
        swept(backend)
        late = firing(target=WORKER)
        backend.enqueue([late])
        swept(backend)
        assert state(backend, late.id) is State.KILLED

    @pytest.mark.parametrize("reclaimed", [False, True])
    def test_sweep_kills_the_copies_the_dead_were_running(
        self, backend: Backend, clock: VirtualClock, *, reclaimed: bool
    ) -> None:
        backend.register(worker(), 10.0)
        lent = claimed(backend, target=WORKER)
        clock.advance(LEASE + 11)
        if reclaimed:
            assert claim(backend, worker=OTHER) == []
        swept(backend)
        assert state(backend, lent.id) is State.KILLED
        # A death is counted only where it is taken back for other workers.
        assert read(backend, lent.id).deaths == int(reclaimed)
        assert backend.settle([outcome(lent)]) == [lent.id]

    def test_sweep_leaves_running_copies_their_lease(self, backend: Backend) -> None:
        backend.register(worker(), 10.0)
        lent = claimed(backend, target=WORKER)
        backend.unregister(WORKER)
        swept(backend)
        assert state(backend, lent.id) is State.RUNNING
        assert backend.settle([outcome(lent)]) == []

    def test_sweep_prunes(self, backend: Backend, clock: VirtualClock) -> None:
        backend.enqueue(firings(10))
        backend.settle([outcome(lent) for lent in claim(backend, 10)])
        failed = settled(backend, Verdict.ERROR)
        clock.advance(COMPLETE_TTL + 10)
        assert swept(backend) == 10
        assert counts(backend) == {State.ERROR: 1}
        assert state(backend, failed) is State.ERROR

    def test_sweep_that_stops_at_its_bound_says_that_there_is_much_left(
        self, backend: Backend, clock: VirtualClock
    ) -> None:
        for _ in range(3):
            backend.enqueue(firings(200))
            backend.settle([outcome(lent) for lent in claim(backend, 200)])
        clock.advance(COMPLETE_TTL + 10)
        done = [backend.sweep() for _ in range(10)]
        assert sum(done) == 600
        assert all(number >= MUCH_SWEPT for number in done[: done.index(0) - 1])

"""What a sweep removes and gives back, and what it leaves."""

from __future__ import annotations

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.makers import worker
from skunkqueue.persistence.sqlite import SQLiteBackend
from skunkqueue.records import State
from tests.core.sqlite.makers import claim, done, firing

DAY = 86_400.0


def test_number_of_a_forgotten_worker_is_not_given_to_another(
    virtual: SQLiteBackend, clock: VirtualClock
) -> None:
    virtual.enqueue([firing(), made := firing()])
    virtual.register(worker("old"), 1e9)
    virtual.settle([done(one, ttl=1e9) for one in claim(virtual, 1, "old")])
    virtual.settle([done(one, ttl=1e9) for one in claim(virtual, 1, "gone")])
    clock.advance(31 * DAY)
    virtual.sweep()

    virtual.enqueue([firing()])
    claim(virtual, 1, "new")

    (record,) = virtual.get([made.id])
    assert record is not None
    assert record.worker == "gone"


def test_orphans_are_found_behind_many_leases_of_live_targets(
    virtual: SQLiteBackend, clock: VirtualClock
) -> None:
    for number in range(20):
        name = f"w{number:02}"
        virtual.register(worker(name), 1e6)
        virtual.enqueue([firing(target=name)])
        claim(virtual, 1, name, lease=1.0)
    virtual.enqueue([made := firing(target="gone")])
    claim(virtual, 1, "gone", lease=2.0)
    virtual.pause("q")
    clock.advance(10.0)

    assert virtual.sweep() == 1

    (record,) = virtual.get([made.id])
    assert record is not None
    assert record.state is State.KILLED

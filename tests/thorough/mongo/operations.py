"""Every verb that writes, as something that may be broken off between two of its writes, and its promise.

Each function here prepares a store and gives a ``Operation``; its name says what must hold however often the operation was
begun. Knows no server and no fault.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from skunkqueue.contract.makers import (
    OTHER,
    QUEUE,
    ROUTE,
    WORKER,
    claim,
    claimed,
    counts,
    death,
    firing,
    firings,
    ids,
    listed,
    outcome,
    pool,
    read,
    ref,
    settled,
    state,
    worker,
)
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import Command, Firing, State, Verdict

BRIEF = 0.05
"""Seconds of a lease that is to end at once."""
LARGE = 1 << 20

Pass = Callable[[float], None]
"""Let time pass."""


class Holds(Protocol):
    """Look whether the promise holds; ``done``: whether the operation must be done by now."""

    def __call__(self, store: Backend, *, done: bool) -> None: ...


@dataclass(frozen=True)
class Operation:
    """One call of a verb."""

    verb: Callable[[Backend], object]
    answer: object
    """What the verb says where nothing goes wrong."""
    holds: Holds


Prepare = Callable[[Backend, Pass], Operation]


def all_or_none(made: list[Firing]) -> Holds:
    def holds(store: Backend, *, done: bool) -> None:
        there = sorted(ids(listed(store, State.PENDING)))
        assert there == sorted(ids(made)) or (not done and not there)
        assert ids(claim(store, 100)) == sorted(there)

    return holds


# --- putting in ---------------------------------------------------------------------------------------


def a_firing_is_in_or_not(_store: Backend, _pass: Pass) -> Operation:
    made = firings(1, key="k")
    return Operation(lambda store: store.enqueue(made), ids(made), all_or_none(made))


def a_batch_is_in_or_not(_store: Backend, _pass: Pass) -> Operation:
    made = [firing(key="k"), *firings(2)]
    return Operation(lambda store: store.enqueue(made), ids(made), all_or_none(made))


def a_batch_of_many_parts_is_in_or_not(_store: Backend, _pass: Pass) -> Operation:
    made = firings(17, body=b"x" * LARGE)
    return Operation(lambda store: store.enqueue(made), ids(made), all_or_none(made))


def a_batch_over_several_routes_is_in_or_not(_store: Backend, _pass: Pass) -> Operation:
    made = [firing(queue=queue, route=route) for queue in (QUEUE, "other") for route in ("x", "y")]

    def holds(store: Backend, *, done: bool) -> None:
        found = [counts(store, one.queue, one.route) for one in made]
        assert found == [{State.PENDING: 1}] * 4 or (not done and found == [{}] * 4)

    return Operation(lambda store: store.enqueue(made), ids(made), holds)


def a_batch_with_a_key_in_use_is_in_but_for_that(store: Backend, _pass: Pass) -> Operation:
    held = firing(key="k", route="elsewhere")
    store.enqueue([held])
    made = [firing(key="k"), *firings(2)]
    return Operation(lambda store: store.enqueue(made), [held.id, *ids(made[1:])], all_or_none(made[1:]))


# --- lending out --------------------------------------------------------------------------------------


def what_is_claimed_is_lent_once(store: Backend, _pass: Pass) -> Operation:
    made = firings(3)
    store.enqueue(made)

    def holds(store: Backend, *, done: bool) -> None:
        assert counts(store) in ({State.RUNNING: 3}, {} if done else {State.PENDING: 3})
        claim(store, 9)
        assert counts(store) == {State.RUNNING: 3}
        # A second claim would have led them to other tokens than the first, each by itself.
        assert len({read(store, one.id).token for one in made}) == 1

    return Operation(lambda store: ids(claim(store, 9)), ids(made), holds)


def what_is_overdue_is_lent_anew_with_one_death(store: Backend, pass_: Pass) -> Operation:
    made = firings(2)
    store.enqueue(made)
    claim(store, 9, lease=BRIEF)
    pass_(2 * BRIEF)

    def holds(store: Backend, *, done: bool) -> None:
        assert counts(store).get(State.RUNNING) or not done
        # One that has died with its worker is lent alone.
        for _ in made:
            claim(store, 9)
        assert counts(store) == {State.RUNNING: 2}
        assert [read(store, one.id).deaths for one in made] == [1, 1]

    return Operation(lambda store: ids(claim(store, 9, worker=OTHER)), [made[0].id], holds)


def a_lease_is_longer_or_not(store: Backend, _pass: Pass) -> Operation:
    lent = claimed(store)

    def holds(store: Backend, *, done: bool) -> None:
        assert (read(store, lent.id).lease_left or 0) > (50 if done else 10)

    return Operation(lambda store: store.extend([ref(lent)], 60.0), [], holds)


def progress_is_saved_or_not(store: Backend, _pass: Pass) -> Operation:
    lent = claimed(store)

    def holds(store: Backend, *, done: bool) -> None:
        assert read(store, lent.id).progress == b"half" or not done

    return Operation(lambda store: store.progress(ref(lent), b"half"), answer=True, holds=holds)


# --- settling -----------------------------------------------------------------------------------------


def what_follows_is_in_once_with_the_outcome(store: Backend, _pass: Pass) -> Operation:
    lent = claimed(store, key="k")
    follow = (firing(key="k"), firing(route="new"))
    handed_in = outcome(lent, follow=follow, result=b"result")

    def holds(store: Backend, *, done: bool) -> None:
        if state(store, lent.id) is State.RUNNING:
            assert not done
            assert [state(store, one.id) for one in follow] == [None, None]
        else:
            assert counts(store) == {State.COMPLETE: 1, State.PENDING: 1}
            assert [state(store, one.id) for one in follow] == [State.PENDING] * 2
            assert read(store, lent.id).result == b"result"
            assert read(store, follow[0].id).key == "k"

    return Operation(lambda store: store.settle([handed_in]), [], holds)


def a_step_goes_on_with_what_follows(store: Backend, _pass: Pass) -> Operation:
    lent = claimed(store)
    follow = firing(route="new")
    handed_in = outcome(lent, Verdict.ADVANCE, follow=(follow,), attempt_state=b"carry")

    def holds(store: Backend, *, done: bool) -> None:
        assert state(store, lent.id) is State.RUNNING
        carried = read(store, lent.id).attempt_state
        assert carried == b"carry" or not done
        assert state(store, follow.id) is (State.PENDING if carried else None)
        assert store.settle([outcome(lent)]) == []

    return Operation(lambda store: store.settle([handed_in]), [], holds)


def every_outcome_of_a_mixed_batch_is_taken_by_itself(store: Backend, _pass: Pass) -> Operation:
    verdicts = list(Verdict)
    made = firings(len(verdicts))
    store.enqueue(made)
    lent = claim(store, len(made))
    # Each is an outbox to be emptied, so two will do.
    follows = [(firing(route="new"),) if number < 2 else () for number, _ in enumerate(verdicts)]
    handed_in = [
        outcome(one, verdict, follow=follow)
        for one, verdict, follow in zip(lent, verdicts, follows, strict=True)
    ]

    def holds(store: Backend, *, done: bool) -> None:
        for one, verdict, follow in zip(lent, verdicts, follows, strict=True):
            found = state(store, one.id)
            assert found in {verdict.state, State.RUNNING}
            assert found is verdict.state or not done
            for following in follow:
                followed = state(store, following.id) is State.PENDING
                # A step leaves its firing running in either case.
                assert followed == (found is verdict.state) or (verdict is Verdict.ADVANCE and not done)

    return Operation(lambda store: store.settle(handed_in), [], holds)


# --- people -------------------------------------------------------------------------------------------


def what_is_killed_lets_go_of_its_key(store: Backend, _pass: Pass) -> Operation:
    pending = firing(route="elsewhere", key="k")
    store.enqueue([pending])
    store.register(worker(), 60.0)
    running = claimed(store)

    def holds(store: Backend, *, done: bool) -> None:
        found = state(store, pending.id)
        assert found in {State.KILLED, State.PENDING}
        again = firing(key="k")
        assert store.enqueue([again]) == [again.id if found is State.KILLED else pending.id]
        wanted = read(store, running.id).kill_requested
        heard = store.listen(WORKER, 0.01)
        assert set(heard) <= {Command(verb="kill", firing=running.id)} if wanted else not heard
        if done:
            assert found is State.KILLED
            assert wanted
            assert heard

    answer = {pending.id: State.PENDING, running.id: State.RUNNING}
    return Operation(lambda store: store.kill([pending.id, running.id]), answer, holds)


def what_is_requeued_waits_once(store: Backend, _pass: Pass) -> Operation:
    old = [settled(store, key=key) for key in ("a", "b")]

    def holds(store: Backend, *, done: bool) -> None:
        found = counts(store)
        assert sum(found.values()) == 2
        assert found == {State.PENDING: 2} or not done
        for id_, key in zip(old, ("a", "b"), strict=True):
            again = firing(key=key)
            waits = state(store, id_) is State.PENDING
            assert store.enqueue([again]) == [id_ if waits else again.id]

    return Operation(lambda store: store.requeue(old), old, holds)


def what_is_purged_lets_go_of_its_key(store: Backend, _pass: Pass) -> Operation:
    made = firing(key="k")
    store.enqueue([made, *firings(2)])

    def holds(store: Backend, *, done: bool) -> None:
        found = counts(store)
        assert found in ({}, {State.PENDING: 3})
        assert not found or not done
        again = firing(key="k")
        assert store.enqueue([again]) == [made.id if found else again.id]

    return Operation(lambda store: store.purge(QUEUE, ROUTE), 3, holds)


def what_is_pruned_is_gone(store: Backend, pass_: Pass) -> Operation:
    old = [settled(store) for _ in range(3)]
    pass_(2 * BRIEF)

    def holds(store: Backend, *, done: bool) -> None:
        left = counts(store).get(State.COMPLETE, 0)
        assert left == len([one for one in store.get(old) if one is not None])
        assert left in ({0} if done else {0, 3})

    return Operation(lambda store: store.prune(older=BRIEF), 3, holds)


def a_pause_of_a_queue_ends_with_those_of_its_routes(store: Backend, _pass: Pass) -> Operation:
    store.enqueue([firing()])
    store.pause(QUEUE)
    store.pause(QUEUE, ROUTE)

    def holds(store: Backend, *, done: bool) -> None:
        assert len(claim(store)) == 1 or not done
        assert counts(store) in ({State.PENDING: 1}, {State.RUNNING: 1})

    return Operation(lambda store: store.resume(QUEUE), None, holds)


# --- workers ------------------------------------------------------------------------------------------


def a_dead_workers_firings_come_back_with_one_death_at_most(store: Backend, pass_: Pass) -> Operation:
    store.register(worker(), 60.0)
    made = firings(2)
    store.enqueue(made)
    begun, _ = lent = claim(store, 2)
    copy = firing(target=WORKER, route="copies")
    store.enqueue([copy])

    def holds(store: Backend, *, done: bool) -> None:
        if not done:
            pass_(100.0)
            claim(store, 9, worker=OTHER)
            store.sweep()
        found = [read(store, one.id).deaths for one in lent]
        assert found == [1, 0] or (not done and found == [1, 1])
        assert store.workers() == []
        assert state(store, copy.id) is State.KILLED

    return Operation(lambda store: store.reap(WORKER, [begun.id], death(begun.claimed)), 2, holds)


def a_sweep_kills_the_copies_of_who_died(store: Backend, pass_: Pass) -> Operation:
    store.register(worker(), BRIEF)
    copies = firings(2, target=WORKER)
    store.enqueue(copies)
    store.send(WORKER, Command(verb="stop"))
    old = settled(store, route="elsewhere")
    pass_(2 * BRIEF)

    def holds(store: Backend, *, done: bool) -> None:
        store.sweep()
        assert [state(store, one.id) for one in copies] == [State.KILLED] * 2
        assert state(store, old) is State.COMPLETE
        assert store.workers() == [] or not done

    return Operation(lambda store: store.sweep() > 0, answer=True, holds=holds)


def a_sweep_forgets_a_worker_that_died(store: Backend, pass_: Pass) -> Operation:
    store.register(worker(), BRIEF)
    pass_(2 * BRIEF)

    def holds(store: Backend, *, done: bool) -> None:
        assert store.workers() == []
        assert store.sweep() == 0 or not done

    return Operation(lambda store: store.sweep(), answer=1, holds=holds)


def a_sweep_forgets_a_pool_that_died(store: Backend, pass_: Pass) -> Operation:
    store.register_pool(pool(), BRIEF)
    pass_(2 * BRIEF)

    def holds(store: Backend, *, done: bool) -> None:
        assert store.pools() == []
        assert store.sweep() == 0 or not done

    return Operation(lambda store: store.sweep(), answer=1, holds=holds)


def samples_of_a_minute_are_those_of_its_hour(store: Backend, _pass: Pass) -> Operation:
    store.enqueue(firings(3))

    def holds(store: Backend, *, done: bool) -> None:
        now = store.now()
        spans = [store.counters([(QUEUE, ROUTE)], now - 7_200.0, now, hours=hours) for hours in (False, True)]
        sampled = [{one.values["pending"] for one in span if "pending" in one.values} for span in spans]
        assert sampled == [{3.0}, {3.0}] or (not done and sampled in ([set(), set()], [set(), {3.0}]))

    return Operation(lambda store: store.sample(), answer=1, holds=holds)


def a_command_reaches_its_worker(store: Backend, _pass: Pass) -> Operation:
    store.register(worker(), 60.0)

    def holds(store: Backend, *, done: bool) -> None:
        # Who sends it again has it heard again.
        heard = store.listen(WORKER, 0.01)
        assert set(heard) == {Command(verb="stop")} or (not done and heard == [])
        assert store.listen(WORKER, 0.01) == []

    return Operation(lambda store: store.send(WORKER, Command(verb="stop")), answer=True, holds=holds)

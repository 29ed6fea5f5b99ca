"""The verbs about schedules, and outcomes that move one on, as operations that may be broken off."""

from __future__ import annotations

from skunkqueue.contract.makers import (
    QUEUE,
    ROUTE,
    claim,
    counts,
    declared,
    firing,
    ids,
    listed,
    outcome,
    planned,
    refire,
    schedule,
    state,
)
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import Schedule, Standing, State
from tests.thorough.mongo.operations import Operation, Pass


def live(store: Backend) -> list[str]:
    return ids([*listed(store, State.PENDING), *listed(store, State.RUNNING)])


def moved_by_one(store: Backend, name: str = "hourly") -> Schedule:
    """See that one firing keeps a schedule going, or none and that it is told of; return it."""
    found = planned(store, name)
    assert len(live(store)) <= 1, "two firings of one schedule"
    if found.paused:
        assert listed(store, State.PENDING) == []
        return found
    idle = [one.name for one in store.idle_schedules(QUEUE, ROUTE)]
    assert live(store) == [found.firing] if not idle else live(store) == []
    assert idle in ([], [name])
    if idle:
        healing = firing()
        assert store.arm(QUEUE, name, found.generation, healing)
        assert live(store) == [healing.id]
    assert store.idle_schedules(QUEUE, ROUTE) == []
    return found


def a_schedule_is_declared_with_one_firing(_store: Backend, _pass: Pass) -> Operation:
    armed = firing()

    def holds(store: Backend, *, done: bool) -> None:
        if store.get_schedule(QUEUE, "hourly") is None:
            assert not done
            assert live(store) == []
        else:
            assert moved_by_one(store).firing == armed.id

    return Operation(lambda store: store.declare(schedule(), armed), answer=True, holds=holds)


def a_changed_schedule_keeps_one_firing(store: Backend, _pass: Pass) -> Operation:
    _, old = declared(store)
    armed = firing()

    def holds(store: Backend, *, done: bool) -> None:
        found = moved_by_one(store)
        assert (found.params, found.firing) in ((b"changed", armed.id), (b"params", old.id))
        assert found.params == b"changed" or not done

    return Operation(
        lambda store: store.declare(schedule(params=b"changed"), armed), answer=True, holds=holds
    )


def a_schedule_declared_over_what_stands_keeps_one_firing(store: Backend, _pass: Pass) -> Operation:
    made, old = declared(store)
    armed = firing()
    over = Standing(generation=made.generation, firing=old.id, runs=0, running=False)
    changed = schedule(params=b"changed", state=b"changed")

    def holds(store: Backend, *, done: bool) -> None:
        found = moved_by_one(store)
        assert (found.state, found.firing) in ((b"changed", armed.id), (b"state-0", old.id))
        assert found.state == b"changed" or not done

    return Operation(lambda store: store.declare(changed, armed, over), answer=True, holds=holds)


def an_armed_firing_takes_the_place_of_the_old(store: Backend, _pass: Pass) -> Operation:
    made, old = declared(store)
    now = firing()

    def holds(store: Backend, *, done: bool) -> None:
        found = moved_by_one(store)
        assert found.firing in ({now.id} if done else {now.id, old.id})

    return Operation(
        lambda store: store.arm(QUEUE, made.name, made.generation, now), answer=True, holds=holds
    )


def a_state_comes_with_the_firing_that_is_armed(store: Backend, _pass: Pass) -> Operation:
    made, old = declared(store)
    store.kill([old.id])
    now = firing()

    def verb(store: Backend) -> bool:
        return store.arm(QUEUE, made.name, made.generation, now, b"healed", over=old.id)

    def holds(store: Backend, *, done: bool) -> None:
        found = moved_by_one(store)
        assert (found.firing, found.state) in ((now.id, b"healed"), (old.id, b"state-0"))
        assert found.firing == now.id or not done

    return Operation(verb, answer=True, holds=holds)


def a_paused_schedule_has_no_firing(store: Backend, _pass: Pass) -> Operation:
    made, _ = declared(store)

    def holds(store: Backend, *, done: bool) -> None:
        paused = moved_by_one(store).paused
        if done:
            assert paused
            assert live(store) == []
        # In either case it can be resumed, and goes on with one.
        if paused:
            assert store.resume_schedule(QUEUE, made.name, firing())
            moved_by_one(store)
            assert len(live(store)) == 1

    return Operation(lambda store: store.pause_schedule(QUEUE, made.name), answer=True, holds=holds)


def a_resumed_schedule_has_one_firing(store: Backend, _pass: Pass) -> Operation:
    made, _ = declared(store)
    store.pause_schedule(QUEUE, made.name)
    armed = firing()

    def holds(store: Backend, *, done: bool) -> None:
        found = moved_by_one(store)
        assert found.firing == armed.id or (not done and found.paused)

    return Operation(lambda store: store.resume_schedule(QUEUE, made.name, armed), answer=True, holds=holds)


def a_state_comes_with_the_firing_that_is_resumed(store: Backend, _pass: Pass) -> Operation:
    made, old = declared(store)
    store.pause_schedule(QUEUE, made.name)
    armed = firing()

    def verb(store: Backend) -> bool:
        return store.resume_schedule(QUEUE, made.name, armed, made.generation, b"resumed")

    def holds(store: Backend, *, done: bool) -> None:
        found = moved_by_one(store)
        if found.paused:
            assert not done
            assert (found.firing, found.state) == (old.id, b"state-0")
        else:
            assert (found.firing, found.state) == (armed.id, b"resumed")

    return Operation(verb, answer=True, holds=holds)


def a_schedule_resumed_while_it_runs_keeps_that_firing(store: Backend, _pass: Pass) -> Operation:
    made, running = declared(store)
    claim(store)
    store.pause_schedule(QUEUE, made.name)
    armed = firing()

    def verb(store: Backend) -> bool:
        return store.resume_schedule(QUEUE, made.name, armed, made.generation, b"early")

    def holds(store: Backend, *, done: bool) -> None:
        found = moved_by_one(store)
        assert (found.firing, found.state) == (running.id, b"state-0")
        assert not (found.paused and done)
        assert counts(store) == {State.RUNNING: 1}

    return Operation(verb, answer=True, holds=holds)


def a_removed_schedule_leaves_no_firing(store: Backend, _pass: Pass) -> Operation:
    made, _ = declared(store)

    def holds(store: Backend, *, done: bool) -> None:
        if store.get_schedule(QUEUE, made.name) is None:
            assert live(store) == []
        else:
            assert not done
            moved_by_one(store)

    return Operation(lambda store: store.remove_schedule(QUEUE, made.name), answer=True, holds=holds)


def a_schedule_of_this_generation_is_removed(store: Backend, _pass: Pass) -> Operation:
    made, _ = declared(store)

    def holds(store: Backend, *, done: bool) -> None:
        if store.get_schedule(QUEUE, made.name) is None:
            assert live(store) == []
        else:
            assert not done
            moved_by_one(store)
        assert store.remove_schedule(QUEUE, made.name, made.generation + 1) is False

    def verb(store: Backend) -> bool:
        return store.remove_schedule(QUEUE, made.name, made.generation)

    return Operation(verb, answer=True, holds=holds)


def the_next_run_is_armed_once_with_the_outcome(store: Backend, _pass: Pass) -> Operation:
    made, first = declared(store)
    (lent,) = claim(store)
    following = firing()
    handed_in = outcome(lent, refire=refire(lent, made, following), follow=(firing(route="new"),))

    def holds(store: Backend, *, done: bool) -> None:
        found = moved_by_one(store)
        if state(store, first.id) is State.RUNNING:
            assert not done
            assert (found.firing, found.runs) == (first.id, 0)
        else:
            assert (found.firing, found.runs) == (following.id, 1)
            assert len(store.history(QUEUE, made.name)) == 1
            assert live(store) == [following.id]
            assert counts(store, route="new") == {State.PENDING: 1}

    return Operation(lambda store: store.settle([handed_in]), [], holds)


def the_next_runs_of_several_are_each_armed_once(store: Backend, _pass: Pass) -> Operation:
    made = {armed.id: found for found, armed in (declared(store, name) for name in ("a", "b", "c"))}
    lent = claim(store, len(made))
    following = {one.id: firing() for one in lent}
    handed_in = [outcome(one, refire=refire(one, made[one.id], following[one.id])) for one in lent]

    def holds(store: Backend, *, done: bool) -> None:
        for id_, before in made.items():
            found = planned(store, before.name)
            if state(store, id_) is State.RUNNING:
                assert not done
                assert (found.firing, found.runs) == (id_, 0)
            else:
                assert (found.firing, found.runs) == (following[id_].id, 1)
                assert len(store.history(QUEUE, before.name)) == 1
        assert sorted(live(store)) == sorted(str(planned(store, one.name).firing) for one in made.values())

    return Operation(lambda store: store.settle(handed_in), [], holds)


def a_run_of_a_paused_schedule_is_told_once(store: Backend, _pass: Pass) -> Operation:
    made, first = declared(store)
    (lent,) = claim(store)
    store.pause_schedule(QUEUE, made.name)
    handed_in = outcome(lent, refire=refire(lent, made, firing()))

    def holds(store: Backend, *, done: bool) -> None:
        found = moved_by_one(store)
        assert found.paused
        over = state(store, first.id) is State.COMPLETE
        assert over or not done
        assert found.runs == len(store.history(QUEUE, made.name)) == (1 if over else 0)

    return Operation(lambda store: store.settle([handed_in]), [], holds)


def the_last_run_ends_the_schedule(store: Backend, _pass: Pass) -> Operation:
    made, first = declared(store)
    (lent,) = claim(store)
    handed_in = outcome(lent, refire=refire(lent, made, None))

    def holds(store: Backend, *, done: bool) -> None:
        gone = store.get_schedule(QUEUE, made.name) is None
        assert gone == (state(store, first.id) is State.COMPLETE)
        assert gone or not done

    return Operation(lambda store: store.settle([handed_in]), [], holds)

"""One thing done to all that a filter matches."""

from __future__ import annotations

import pytest

from skunkqueue.bulk import Bulk, BulkProgress, describe
from skunkqueue.clock import VirtualClock
from skunkqueue.contract.makers import QUEUE, ROUTE, claim, firings, ids, outcome, settled, state, worker
from skunkqueue.control import Control
from skunkqueue.errors import WrongTypeError
from skunkqueue.listings import Query
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import State, Verdict


def enqueue(store: Backend, clock: VirtualClock, count: int, **fields: object) -> list[str]:
    made = firings(count, **fields)
    for start in range(0, count, 1_000):
        store.enqueue(made[start : start + 1_000])
    clock.advance(1.0)
    return ids(made)


def did(store: Backend) -> str | None:
    return store.audit(1).entries[0].did


def test_all_that_match_are_killed_and_no_others(
    store: Backend, control: Control, clock: VirtualClock
) -> None:
    meant = enqueue(store, clock, 2_500, job="m:one")
    others = enqueue(store, clock, 5, job="m:two")
    told: list[BulkProgress] = []

    bulk = Bulk(control, "kill", Query(job="m:one"))
    assert bulk.count().number == 2_500
    progress = bulk.run(told.append)

    assert (progress.seen, progress.done, progress.stopped) == (2_500, 2_500, False)
    assert [one.done for one in told] == sorted({one.done for one in told})
    assert len(told) >= 3
    assert {state(store, one) for one in meant} == {State.KILLED}
    assert {state(store, one) for one in others} == {State.PENDING}
    assert len(store.audit().entries) == 1
    assert did(store) == "killed 2,500 of 2,500"


def test_what_fails_again_meanwhile_is_not_requeued_twice(
    store: Backend, control: Control, clock: VirtualClock
) -> None:
    meant = enqueue(store, clock, 1_500)
    for lent in claim(store, 1_500):
        store.settle([outcome(lent, Verdict.ERROR)])
    clock.advance(1.0)

    def fail_again(_: BulkProgress) -> None:
        clock.advance(1.0)
        for lent in claim(store, 2_000):
            store.settle([outcome(lent, Verdict.ERROR)])

    progress = Bulk(control, "requeue", Query(states=(State.ERROR,))).run(fail_again)

    assert (progress.seen, progress.done) == (1_500, 1_500)
    assert {state(store, one) for one in meant} == {State.ERROR}


def test_what_comes_after_the_beginning_is_left_alone(
    store: Backend, control: Control, clock: VirtualClock
) -> None:
    enqueue(store, clock, 3)
    bulk = Bulk(control, "delete", Query(queue=QUEUE))
    late = enqueue(store, clock, 2)

    assert bulk.run().done == 3
    assert [state(store, one) for one in late] == [State.PENDING] * 2


def test_what_runs_is_not_deleted(store: Backend, control: Control, clock: VirtualClock) -> None:
    running, *_ = enqueue(store, clock, 3)
    claim(store, 1)
    settled(store, route="other")
    clock.advance(1.0)

    assert Bulk(control, "delete", Query(queue=QUEUE)).run().done == 3
    assert state(store, running) is State.RUNNING


def test_what_runs_is_interrupted_once(store: Backend, control: Control, clock: VirtualClock) -> None:
    enqueue(store, clock, 1_200)
    lent = claim(store, 1_200)
    store.register(worker(), 60.0)

    def give_back(_: BulkProgress) -> None:
        store.settle([outcome(one, Verdict.RELEASE) for one in lent])

    progress = Bulk(control, "kill", Query(queue=QUEUE)).run(give_back)

    assert progress.seen == 1_200


def test_only_what_waits_for_its_time_is_made_due(
    store: Backend, control: Control, clock: VirtualClock
) -> None:
    meant = enqueue(store, clock, 1_100, delay=3_600.0)

    assert Bulk(control, "run_now", Query(route=ROUTE)).run().done == 1_100
    assert {one.id for one in claim(store, 2_000)} == set(meant)
    assert did(store) == "made due 1,100 of 1,100"


def test_it_can_be_stopped_between_pages(store: Backend, control: Control, clock: VirtualClock) -> None:
    enqueue(store, clock, 2_500)
    seen: list[BulkProgress] = []

    progress = Bulk(control, "kill", Query(queue=QUEUE)).run(seen.append, lambda: bool(seen))

    assert progress.stopped
    assert progress.done == 1_000
    assert did(store) == "killed 1,000 of 2,500, then told to stop"


def test_the_entry_says_how_far_it_came_before_it_failed(
    store: Backend, control: Control, clock: VirtualClock
) -> None:
    enqueue(store, clock, 2_500)

    def interrupt(_: BulkProgress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Bulk(control, "kill", Query(queue=QUEUE)).run(interrupt)

    assert did(store) == "killed 1,000 of 2,500, then interrupted"


def test_rows_may_be_left_out(store: Backend, control: Control, clock: VirtualClock) -> None:
    first, *_ = meant = enqueue(store, clock, 3)

    bulk = Bulk(control, "kill", Query(), keep=lambda rows: [row for row in rows if row.id != first])

    assert bulk.run().done == 2
    assert [state(store, one) for one in meant] == [State.PENDING, State.KILLED, State.KILLED]


def test_the_audit_log_tells_what_else_was_asked_for(
    store: Backend, control: Control, clock: VirtualClock
) -> None:
    enqueue(store, clock, 1)

    Bulk(control, "kill", Query(queue=QUEUE), keep=list, keeps="text=jed").run()

    assert store.audit(1).entries[0].on == f"all with queue={QUEUE} text=jed"


def test_a_filter_that_the_verb_cannot_meet_matches_nothing(
    store: Backend, control: Control, clock: VirtualClock
) -> None:
    enqueue(store, clock, 3)

    bulk = Bulk(control, "requeue", Query(states=(State.PENDING,)))

    assert bulk.count().number == 0
    assert bulk.run().seen == 0


def test_another_verb_is_refused(control: Control) -> None:
    with pytest.raises(WrongTypeError, match="'purge' cannot be done to all"):
        Bulk(control, "purge", Query())


def test_a_filter_is_told_in_words() -> None:
    assert describe(Query()) == "all"
    query = Query(queue="shop", states=(State.ERROR, State.KILLED), finished=(None, 5.0))
    assert describe(query) == "all with queue=shop states=error,killed finished=..5.000"


def test_what_the_store_keeps_counts_of_is_counted_exactly(
    store: Backend, control: Control, clock: VirtualClock
) -> None:
    enqueue(store, clock, 25)

    count = Bulk(control, "kill", Query(queue=QUEUE)).count(10)

    assert (count.number, count.exact) == (25, True)


def test_what_is_counted_first_is_what_the_end_is_told_of(
    store: Backend, control: Control, clock: VirtualClock
) -> None:
    enqueue(store, clock, 3)
    bulk = Bulk(control, "kill", Query(queue=QUEUE))
    bulk.count()
    enqueue(store, clock, 2)

    assert bulk.run().matched.number == 3


def test_what_came_after_somebody_was_asked_is_left_alone(
    store: Backend, control: Control, clock: VirtualClock
) -> None:
    enqueue(store, clock, 3)
    asked = store.now()
    late = enqueue(store, clock, 2)

    assert Bulk(control, "kill", Query(queue=QUEUE), began=asked).run().done == 3
    assert [state(store, one) for one in late] == [State.PENDING] * 2

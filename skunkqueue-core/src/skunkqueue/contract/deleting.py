"""Deleting firings by hand, making delayed ones due now, and reading results alone."""

from __future__ import annotations

import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.kit import PATIENCE, Kit
from skunkqueue.contract.makers import (
    LEASE,
    OTHER,
    QUEUE,
    ROUTE,
    WORKER,
    claim,
    claimed,
    counters,
    counts,
    death,
    declared,
    firing,
    firings,
    ids,
    listed,
    outcome,
    planned,
    read,
    ref,
    route_info,
    row,
    rows_of,
    settled,
    state,
    worker,
)
from skunkqueue.listings import Query, Result, Tried
from skunkqueue.persistence.backend import MAX_PAGE, Backend
from skunkqueue.records import FINAL_STATES, State, Verdict


class DeletingPromises(Kit):
    """What ``delete``, ``run_now`` and ``results`` promise."""

    # --- delete -----------------------------------------------------------------------------------

    def test_delete_removes_what_is_pending_or_finished_and_tells_what_it_was(
        self, listing_backend: Backend
    ) -> None:
        before: dict[str, State | None] = {
            settled(listing_backend, Verdict(final.value)): final for final in FINAL_STATES
        }
        waiting, later = firing(route="bar"), firing(route="bar", delay=50.0)
        listing_backend.enqueue([waiting, later])
        before |= {waiting.id: State.PENDING, later.id: State.PENDING, "f" * 24: None}
        assert listing_backend.delete(list(before)) == before
        assert listing_backend.get(list(before)) == [None] * len(before)
        assert claim(listing_backend, 5, route="bar") == []
        assert rows_of(listing_backend) == []
        assert listing_backend.delete(list(before)) == dict.fromkeys(before)

    def test_running_firing_is_not_deleted(self, listing_backend: Backend) -> None:
        lent = claimed(listing_backend, key="k")
        assert listing_backend.delete([lent.id]) == {lent.id: State.RUNNING}
        assert listing_backend.extend([ref(lent)], LEASE) == []
        assert not read(listing_backend, lent.id).kill_requested
        assert listing_backend.listen(WORKER, 0.0) == []
        assert listing_backend.enqueue([firing(key="k")]) == [lent.id]
        assert listing_backend.settle([outcome(lent)]) == []
        assert state(listing_backend, lent.id) is State.COMPLETE

    def test_delete_leaves_all_others(self, listing_backend: Backend) -> None:
        batch = firings(20)
        listing_backend.enqueue(batch)
        listing_backend.settle([outcome(one) for one in claim(listing_backend, 10)])
        doomed = [batch[number].id for number in (0, 3, 9, 10, 15, 19)]
        listing_backend.delete(doomed)
        left = [id_ for id_ in ids(batch) if id_ not in doomed]
        assert [record and record.id for record in listing_backend.get(left)] == left
        assert sorted(ids(rows_of(listing_backend, limit=3))) == left
        assert ids(listed(listing_backend, State.PENDING)) == left[7:]
        assert ids(claim(listing_backend, 20)) == left[7:]

    def test_deleted_one_is_in_no_listing_and_no_count(self, listing_backend: Backend) -> None:
        backend = listing_backend
        backend.enqueue(firings(6, job="a:b", tags=("t",), key=None))
        backend.settle([outcome(lent, Verdict.ERROR, error="E: m") for lent in claim(backend, 3)])
        failed = ids(rows_of(backend, states=(State.ERROR,)))
        waiting = ids(rows_of(backend, states=(State.PENDING,)))
        backend.delete([failed[1], waiting[1]])
        left = {failed[0], failed[2], waiting[0], waiting[2]}
        for asked in ({}, {"job": "a:b"}, {"tag": "t"}, {"queue": QUEUE, "route": ROUTE}):
            assert set(ids(rows_of(backend, 1, **asked))) == left
        assert set(ids(rows_of(backend, error="E"))) == {failed[0], failed[2]}
        (counted,) = backend.job_counts()
        assert {name: count for name, count in counted.counts.items() if count} == {
            State.ERROR: 2,
            State.PENDING: 2,
        }
        assert sorted(ids(claim(backend, 10))) == sorted([waiting[0], waiting[2]])

    def test_counts_are_exact_after_delete(self, listing_backend: Backend) -> None:
        listing_backend.enqueue(firings(6, job="shop:add"))
        lent = claim(listing_backend, 3)
        listing_backend.settle([outcome(one) for one in lent[:2]])
        listing_backend.delete([*ids(rows_of(listing_backend, states=(State.PENDING,))[:2]), *ids(lent)])
        expected = {State.PENDING: 1, State.RUNNING: 1}
        assert counts(listing_backend) == expected
        assert listing_backend.count(Query()).number == 2
        (found,) = listing_backend.job_counts()
        assert {one: number for one, number in found.counts.items() if number} == expected

    def test_delete_counts_as_nothing(self, listing_backend: Backend) -> None:
        done = settled(listing_backend)
        waiting = firing()
        listing_backend.enqueue([waiting])
        listing_backend.delete([done, waiting.id])
        assert counters(listing_backend) == {"enqueued": 2, "complete": 1}

    def test_key_of_a_deleted_pending_firing_is_free(self, listing_backend: Backend) -> None:
        first, second = firing(key="k"), firing(key="k")
        listing_backend.enqueue([first])
        listing_backend.delete([first.id])
        assert listing_backend.enqueue([second]) == [second.id]
        assert state(listing_backend, second.id) is State.PENDING

    def test_deleting_a_finished_firing_leaves_its_key_to_who_has_it_now(
        self, listing_backend: Backend
    ) -> None:
        done = settled(listing_backend, key="k")
        waiting = firing(key="k")
        listing_backend.enqueue([waiting])
        listing_backend.delete([done])
        assert listing_backend.enqueue([firing(key="k")]) == [waiting.id]

    def test_oldest_due_is_that_of_what_was_not_deleted(
        self, listing_backend: Backend, clock: VirtualClock
    ) -> None:
        batch = [firing(due=clock.now() + number) for number in range(3)]
        listing_backend.enqueue(batch)
        listing_backend.delete([batch[0].id])
        info = route_info(listing_backend)
        assert info is not None
        assert info.oldest_due == pytest.approx(clock.now() + 1, abs=0.002)

    def test_schedule_whose_firing_is_deleted_is_idle(self, listing_backend: Backend) -> None:
        _, armed = declared(listing_backend)
        assert listing_backend.delete([armed.id]) == {armed.id: State.PENDING}
        assert [one.name for one in listing_backend.idle_schedules(QUEUE, ROUTE)] == ["hourly"]
        following = firing()
        assert listing_backend.arm(QUEUE, "hourly", planned(listing_backend).generation, following)
        assert ids(claim(listing_backend, 5)) == [following.id]

    def test_deleted_copy_of_a_broadcast_comes_to_nobody(self, listing_backend: Backend) -> None:
        listing_backend.register(worker(), LEASE)
        copy = firing(target=WORKER)
        listing_backend.enqueue([copy])
        listing_backend.delete([copy.id])
        assert claim(listing_backend, 5) == []
        assert listing_backend.sweep() == 0

    def test_who_waits_for_a_deleted_firing_waits_no_more(self, listing_backend: Backend) -> None:
        made = firing(delay=1000.0)
        listing_backend.enqueue([made])
        listing_backend.delete([made.id])
        assert listing_backend.wait_settled([made.id], PATIENCE) == [made.id]

    def test_stale_outcome_of_a_deleted_firing_changes_nothing(
        self, listing_backend: Backend, clock: VirtualClock
    ) -> None:
        lent = claimed(listing_backend)
        clock.advance(LEASE + 1)
        (again,) = claim(listing_backend, worker=OTHER)
        listing_backend.settle([outcome(again)])
        listing_backend.delete([lent.id])
        assert listing_backend.settle([outcome(lent, follow=(firing(route="bar"),))]) == [lent.id]
        assert rows_of(listing_backend) == []

    def test_one_id_twice_is_deleted_once(self, listing_backend: Backend) -> None:
        done = settled(listing_backend)
        assert listing_backend.delete([done, done]) == {done: State.COMPLETE}
        assert counts(listing_backend) == {}
        assert listing_backend.delete([]) == {}

    # --- run now ----------------------------------------------------------------------------------

    def test_run_now_makes_due_what_waits_for_its_time(
        self, listing_backend: Backend, clock: VirtualClock
    ) -> None:
        made = firing(delay=1000.0)
        listing_backend.enqueue([made])
        clock.advance(1)
        assert listing_backend.run_now([made.id]) == {made.id: State.PENDING}
        assert row(listing_backend, made.id).waits == "turn"
        (lent,) = claim(listing_backend)
        assert lent.id == made.id
        assert lent.due == pytest.approx(clock.now(), abs=0.002)

    @pytest.mark.parametrize("verdict", [Verdict.RETRY, Verdict.SNOOZE])
    def test_run_now_ends_the_wait_for_a_retry_or_a_snooze(
        self, listing_backend: Backend, verdict: Verdict
    ) -> None:
        lent = claimed(listing_backend, priority=9, key="k")
        listing_backend.settle([outcome(lent, verdict, delay=1000.0, attempt_state=b"c")])
        listing_backend.run_now([lent.id])
        (again,) = claim(listing_backend)
        assert (again.id, again.attempt_state, again.priority, again.key) == (lent.id, b"c", 9, "k")
        assert again.token > lent.token

    def test_run_now_leaves_what_is_due_in_its_place(
        self, listing_backend: Backend, clock: VirtualClock
    ) -> None:
        batch = firings(3)
        listing_backend.enqueue(batch)
        clock.advance(5)
        before = listing_backend.get(ids(batch))
        assert listing_backend.run_now([batch[1].id]) == {batch[1].id: State.PENDING}
        assert listing_backend.get(ids(batch)) == before
        assert ids(claim(listing_backend, 3)) == ids(batch)

    def test_run_now_puts_behind_what_is_due_already(
        self, listing_backend: Backend, clock: VirtualClock
    ) -> None:
        later, due = firing(delay=1000.0), firing()
        listing_backend.enqueue([later, due])
        clock.advance(1)
        listing_backend.run_now([later.id])
        assert ids(claim(listing_backend, 2)) == [due.id, later.id]

    def test_run_now_leaves_what_runs_or_is_finished_or_unknown(self, listing_backend: Backend) -> None:
        done = settled(listing_backend)
        lent = claimed(listing_backend)
        killed = firing(delay=1000.0)
        listing_backend.enqueue([killed])
        listing_backend.kill([killed.id])
        asked = [done, lent.id, killed.id]
        before = listing_backend.get(asked)
        told = listing_backend.run_now([*asked, "f" * 24])
        assert told == {
            done: State.COMPLETE,
            lent.id: State.RUNNING,
            killed.id: State.KILLED,
            "f" * 24: None,
        }
        assert listing_backend.get(asked) == before
        assert claim(listing_backend, 5) == []

    def test_target_pause_and_priority_still_count_after_run_now(self, listing_backend: Backend) -> None:
        targeted, low, high = (
            firing(delay=1000.0, **fields) for fields in ({"target": OTHER}, {"priority": 0}, {"priority": 9})
        )
        listing_backend.enqueue([targeted, low, high])
        listing_backend.pause(QUEUE, ROUTE)
        listing_backend.run_now([targeted.id, low.id, high.id])
        assert claim(listing_backend, 5) == []
        listing_backend.resume(QUEUE, ROUTE)
        assert ids(claim(listing_backend, 5)) == [high.id, low.id]
        assert ids(claim(listing_backend, 5, worker=OTHER)) == [targeted.id]

    def test_run_now_counts_as_nothing(self, listing_backend: Backend) -> None:
        made = firing(delay=1000.0)
        listing_backend.enqueue([made])
        listing_backend.run_now([made.id])
        assert counters(listing_backend) == {"enqueued": 1}
        assert counts(listing_backend) == {State.PENDING: 1}

    def test_schedule_goes_on_from_a_firing_that_was_run_now(self, listing_backend: Backend) -> None:
        _, first = declared(listing_backend)
        later = firing(delay=1000.0)
        assert listing_backend.arm(QUEUE, "hourly", planned(listing_backend).generation, later, over=first.id)
        listing_backend.run_now([later.id])
        assert ids(claim(listing_backend)) == [later.id]
        assert listing_backend.idle_schedules(QUEUE, ROUTE) == []

    # --- results ----------------------------------------------------------------------------------

    def test_results_answer_in_order(self, listing_backend: Backend, clock: VirtualClock) -> None:
        lent = claimed(listing_backend, body=b"large" * 1000, job="shop:buy")
        listing_backend.settle([outcome(lent, Verdict.ERROR, result=b"\x00r", error="KeyError: 1")])
        waiting = firing(expires=clock.now() + 50)
        listing_backend.enqueue([waiting])
        found = listing_backend.results([waiting.id, "f" * 24, lent.id, waiting.id])
        still = Result(id=waiting.id, state=State.PENDING, result=None, expires=clock.now() + 50)
        tried = Tried(job="shop:buy", began=None, evidence="", attempt_state=None)
        failed = Result(id=lent.id, state=State.ERROR, result=b"\x00r", error="KeyError: 1", tried=tried)
        assert found == [still, None, failed, still]

    def test_results_of_what_failed_say_how_it_was_tried(
        self, listing_backend: Backend, clock: VirtualClock
    ) -> None:
        def ended(verdict: Verdict, state: bytes | None, *, dies: bool) -> str:
            lent = claimed(listing_backend, job="shop:buy")
            listing_backend.settle([outcome(lent, Verdict.RETRY, attempt_state=b"\x00old")])
            (lent,) = claim(listing_backend)
            if dies:
                listing_backend.reap(WORKER, [lent.id], death(clock.now()))
                (lent,) = claim(listing_backend)
            listing_backend.settle([outcome(lent, verdict, attempt_state=state, began=clock.now())])
            return lent.id

        asked = [
            ended(Verdict.ERROR, None, dies=True),
            ended(Verdict.KILLED, b"\xffnew", dies=False),
            ended(Verdict.EXPIRED, None, dies=False),
            ended(Verdict.COMPLETE, b"\xffnew", dies=True),
        ]
        waiting = firing(job="shop:buy")
        listing_backend.enqueue([waiting])
        listing_backend.kill([waiting.id])
        asked.append(waiting.id)
        records = [read(listing_backend, id_) for id_ in asked]
        tried = [one and one.tried for one in listing_backend.results(asked)]
        assert [one.attempt_state for one in records[:3]] == [b"\x00old", b"\xffnew", b"\x00old"]
        assert records[0].evidence
        assert tried == [
            None
            if one.state is State.COMPLETE
            else Tried(
                job="shop:buy", began=one.began, evidence=one.evidence, attempt_state=one.attempt_state
            )
            for one in records
        ]

    def test_result_is_none_until_the_firing_is_finished(
        self, listing_backend: Backend, clock: VirtualClock
    ) -> None:
        lent = claimed(listing_backend, expires=clock.now() + 50)
        assert listing_backend.results([lent.id]) == [Result(id=lent.id, state=State.RUNNING, result=None)]
        listing_backend.settle([outcome(lent, result=b"")])
        assert listing_backend.results([lent.id]) == [Result(id=lent.id, state=State.COMPLETE, result=b"")]
        listing_backend.requeue([lent.id])
        assert listing_backend.results([lent.id]) == [Result(id=lent.id, state=State.PENDING, result=None)]

    def test_results_of_any_number_are_read_in_a_call(self, listing_backend: Backend) -> None:
        batch = firings(MAX_PAGE)
        listing_backend.enqueue(batch)
        lent = claim(listing_backend, MAX_PAGE)
        listing_backend.settle([outcome(one, result=one.id.encode()) for one in lent])
        found = listing_backend.results(["f" * 24, *ids(batch)])
        assert [one and one.result for one in found] == [None, *(id_.encode() for id_ in ids(batch))]
        assert listing_backend.results([]) == []

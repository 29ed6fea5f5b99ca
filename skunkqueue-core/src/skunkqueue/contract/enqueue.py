"""Putting firings in: all or none, repeatable, keyed, and exactly as they were given."""

from __future__ import annotations

from typing import Any, cast

import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.kit import Kit
from skunkqueue.contract.makers import (
    ODD_NAMES,
    QUEUE,
    ROUTE,
    WORKER,
    claim,
    claimed,
    counters,
    counts,
    firing,
    firings,
    ids,
    outcome,
    read,
    settled,
    state,
)
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import FINAL_STATES, Firing, State, Verdict


class EnqueuePromises(Kit):
    """What ``enqueue`` promises."""

    def test_enqueue_returns_the_ids_in_order(self, backend: Backend) -> None:
        batch = firings(5)
        batch.reverse()
        assert backend.enqueue(batch) == ids(batch)

    def test_enqueued_firing_is_pending(self, backend: Backend) -> None:
        made = firing()
        backend.enqueue([made])
        assert state(backend, made.id) is State.PENDING

    def test_empty_enqueue_does_nothing(self, backend: Backend) -> None:
        assert backend.enqueue([]) == []
        assert backend.routes() == []

    def test_every_field_of_a_firing_is_kept(self, backend: Backend, clock: VirtualClock) -> None:
        now = clock.now()
        made = firing(body=b"\x00\xff", due=now + 5, priority=8, expires=now + 50, key="a key", target=WORKER)
        backend.enqueue([made])
        record = read(backend, made.id)
        assert (record.id, record.queue, record.route) == (made.id, made.queue, made.route)
        assert (record.body, record.priority, record.key) == (made.body, 8, "a key")
        assert record.target == WORKER
        assert record.due == pytest.approx(now + 5, abs=0.002)
        assert record.expires == pytest.approx(now + 50, abs=0.002)
        assert record.enqueued == pytest.approx(now, abs=0.002)

    def test_new_firing_has_no_past(self, backend: Backend) -> None:
        made = firing()
        backend.enqueue([made])
        record = read(backend, made.id)
        assert (record.deaths, record.evidence, record.kill_requested) == (0, "", False)
        assert (record.began, record.finished, record.lease_left) == (None, None, None)
        assert (record.attempt_state, record.result, record.progress, record.worker) == (
            None,
            None,
            None,
            None,
        )

    def test_claimed_firing_is_what_was_put_in(self, backend: Backend, clock: VirtualClock) -> None:
        lent = claimed(backend, body=b"\x01" * 10, priority=7, expires_in=30.0)
        assert (lent.queue, lent.route) == (QUEUE, ROUTE)
        assert (lent.body, lent.priority, lent.attempt_state, lent.target) == (b"\x01" * 10, 7, None, None)
        assert (lent.deaths, lent.evidence, lent.kill_requested) == (0, "", False)
        assert lent.enqueued == pytest.approx(clock.now(), abs=0.002)
        assert lent.due == pytest.approx(clock.now(), abs=0.002)
        assert lent.expires == pytest.approx(clock.now() + 30, abs=0.002)

    def test_delay_counts_from_the_stores_now(self, backend: Backend, clock: VirtualClock) -> None:
        made = firing(delay=90.0)
        clock.advance(1_000)
        backend.enqueue([made])
        assert read(backend, made.id).due == pytest.approx(clock.now() + 90, abs=0.002)

    def test_due_wins_over_delay(self, backend: Backend, clock: VirtualClock) -> None:
        made = firing(due=clock.now() + 7, delay=90.0)
        backend.enqueue([made])
        assert read(backend, made.id).due == pytest.approx(clock.now() + 7, abs=0.002)

    def test_due_may_lie_in_the_past(self, backend: Backend, clock: VirtualClock) -> None:
        made = firing(due=clock.now() - 500)
        backend.enqueue([made])
        assert read(backend, made.id).due == pytest.approx(clock.now() - 500, abs=0.002)

    def test_expires_in_counts_from_the_stores_now(self, backend: Backend, clock: VirtualClock) -> None:
        clock.advance(1_000)
        made = firing(expires_in=30.0)
        backend.enqueue([made])
        assert read(backend, made.id).expires == pytest.approx(clock.now() + 30, abs=0.002)

    def test_expires_wins_over_expires_in(self, backend: Backend, clock: VirtualClock) -> None:
        made = firing(expires=clock.now() + 7, expires_in=30.0)
        backend.enqueue([made])
        assert read(backend, made.id).expires == pytest.approx(clock.now() + 7, abs=0.002)

    def test_firing_without_expiry_never_expires(self, backend: Backend) -> None:
        made = firing()
        backend.enqueue([made])
        assert read(backend, made.id).expires is None

    # --- all or none ------------------------------------------------------------------------------

    def test_batch_with_something_that_is_no_firing_puts_nothing_in(self, backend: Backend) -> None:
        good = firings(3)
        bad = [*good[:2], cast("Firing", None), good[2]]
        with pytest.raises(Exception):  # noqa: B017, PT011 - which one is the backend's own affair
            backend.enqueue(bad)
        assert backend.get(ids(good)) == [None, None, None]
        assert counts(backend) == {}

    def test_backend_goes_on_after_a_refused_batch(self, backend: Backend) -> None:
        with pytest.raises(Exception):  # noqa: B017, PT011 - which one is the backend's own affair
            backend.enqueue([cast("Firing", None)])
        made = firing()
        assert backend.enqueue([made]) == [made.id]
        assert state(backend, made.id) is State.PENDING

    # --- repeating --------------------------------------------------------------------------------

    def test_repeated_enqueue_changes_nothing(self, backend: Backend) -> None:
        batch = firings(3)
        assert backend.enqueue(batch) == backend.enqueue(batch) == ids(batch)
        assert counts(backend) == {State.PENDING: 3}

    def test_known_firing_is_left_as_it_is(self, backend: Backend) -> None:
        made = firing(body=b"first", priority=3)
        backend.enqueue([made])
        again = firing(id=made.id, body=b"second", priority=9, route="another")
        assert backend.enqueue([again]) == [made.id]
        record = read(backend, made.id)
        assert (record.body, record.priority, record.route) == (b"first", 3, made.route)

    def test_repeat_may_bring_new_ones_along(self, backend: Backend) -> None:
        batch = firings(4)
        backend.enqueue(batch[:2])
        assert backend.enqueue(batch) == ids(batch)
        assert counts(backend) == {State.PENDING: 4}

    def test_one_id_twice_in_a_batch_is_one_firing(self, backend: Backend) -> None:
        made = firing()
        assert backend.enqueue([made, made]) == [made.id, made.id]
        assert counts(backend) == {State.PENDING: 1}

    def test_repeat_does_not_disturb_a_running_firing(self, backend: Backend) -> None:
        made = firing()
        backend.enqueue([made])
        (lent,) = claim(backend)
        assert backend.enqueue([made]) == [made.id]
        assert state(backend, made.id) is State.RUNNING
        assert backend.settle([outcome(lent)]) == []

    def test_repeat_does_not_revive_a_finished_firing(self, backend: Backend) -> None:
        made = firing()
        backend.enqueue([made])
        (lent,) = claim(backend)
        backend.settle([outcome(lent)])
        assert backend.enqueue([made]) == [made.id]
        assert state(backend, made.id) is State.COMPLETE

    # --- keys -------------------------------------------------------------------------------------

    def test_second_firing_with_a_key_is_the_first(self, backend: Backend) -> None:
        first, second = firings(2, key="k")
        backend.enqueue([first])
        assert backend.enqueue([second]) == [first.id]
        assert state(backend, second.id) is None
        assert counts(backend) == {State.PENDING: 1}

    def test_key_holds_while_running(self, backend: Backend) -> None:
        lent = claimed(backend, key="k")
        assert backend.enqueue([firing(key="k")]) == [lent.id]

    @pytest.mark.parametrize("verdict", [Verdict.RETRY, Verdict.SNOOZE, Verdict.RELEASE, Verdict.ADVANCE])
    def test_key_holds_while_the_firing_goes_on(self, backend: Backend, verdict: Verdict) -> None:
        lent = claimed(backend, key="k")
        backend.settle([outcome(lent, verdict)])
        assert backend.enqueue([firing(key="k")]) == [lent.id]

    @pytest.mark.parametrize("final", FINAL_STATES)
    def test_key_is_free_once_the_firing_is_finished(self, backend: Backend, final: State) -> None:
        settled(backend, Verdict(final.value), key="k")
        second = firing(key="k")
        assert backend.enqueue([second]) == [second.id]
        assert state(backend, second.id) is State.PENDING

    def test_key_is_free_once_a_pending_firing_is_killed(self, backend: Backend) -> None:
        first, second = firings(2, key="k")
        backend.enqueue([first])
        backend.kill([first.id])
        assert backend.enqueue([second]) == [second.id]

    def test_key_is_free_after_a_purge(self, backend: Backend) -> None:
        first, second = firings(2, key="k")
        backend.enqueue([first])
        backend.purge(QUEUE)
        assert backend.enqueue([second]) == [second.id]

    def test_one_key_twice_in_a_batch_is_one_firing(self, backend: Backend) -> None:
        first, between, second = firing(key="k"), firing(), firing(key="k")
        assert backend.enqueue([first, between, second]) == [first.id, between.id, first.id]
        assert counts(backend) == {State.PENDING: 2}

    def test_queues_do_not_share_keys(self, backend: Backend) -> None:
        here, there = firing(key="k"), firing(key="k", queue="another")
        assert backend.enqueue([here, there]) == [here.id, there.id]

    def test_routes_of_a_queue_share_keys(self, backend: Backend) -> None:
        here, there = firing(key="k"), firing(key="k", route="another")
        assert backend.enqueue([here, there]) == [here.id, here.id]

    # --- odd values -------------------------------------------------------------------------------

    @pytest.mark.parametrize("name", ODD_NAMES)
    @pytest.mark.parametrize("field", ["queue", "route", "key", "target"])
    def test_names_may_hold_anything(self, backend: Backend, name: str, field: str) -> None:
        fields: dict[str, Any] = {field: name}
        made = firing(**fields)
        backend.enqueue([made])
        (lent,) = claim(backend, worker=made.target or WORKER, queue=made.queue, route=made.route)
        assert lent.id == made.id
        assert getattr(read(backend, made.id), field) == name

    def test_similar_names_are_different_names(self, backend: Backend) -> None:
        places = [("a", "b:c"), ("a:b", "c"), ("a", "b"), ("A", "b"), ("a", "b "), ("a/b", "c"), ("a", "b/c")]
        batch = [firing(queue=queue, route=route) for queue, route in places]
        backend.enqueue(batch)
        found = [ids(claim(backend, 10, queue=queue, route=route)) for queue, route in places]
        assert found == [[made.id] for made in batch]

    @pytest.mark.parametrize(
        "body", [b"", b"\x00", b"\xff\x00'\"", bytes(range(256)) * 4096], ids=["empty", "nul", "odd", "1 MiB"]
    )
    def test_bodies_are_kept_byte_for_byte(self, backend: Backend, body: bytes) -> None:
        lent = claimed(backend, body=body)
        assert lent.body == body
        assert read(backend, lent.id).body == body

    def test_large_batch_goes_in_at_once(self, backend: Backend) -> None:
        batch = firings(2_000)
        assert backend.enqueue(batch) == ids(batch)
        assert counts(backend) == {State.PENDING: 2_000}
        assert counters(backend)["enqueued"] == 2_000

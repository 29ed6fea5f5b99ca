"""Reading: single firings, pages, routes with exact counts, counters, and how a store describes itself."""

from __future__ import annotations

import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.kit import Kit
from skunkqueue.contract.makers import (
    OTHER,
    QUEUE,
    ROUTE,
    claim,
    claimed,
    counts,
    firing,
    firings,
    ids,
    listed,
    outcome,
    read,
    route_info,
    settled,
)
from skunkqueue.errors import SkunkQueueError
from skunkqueue.persistence.backend import COUNTER_TTL, MAX_PAGE, Backend, BackendConfig
from skunkqueue.records import FINAL_STATES, State, Verdict

BAD_CURSORS = (
    "garbage",
    "\x00",
    "0",
    "-1",
    "☃",
    "x" * 5_000,
    "'; --",
    "[]",
    "{}",
    "AAAA",
    "null",
    "1.5|x",
    "%s",
)


class ReadingPromises(Kit):
    """What the reading verbs promise."""

    # --- get and find -----------------------------------------------------------------------------

    def test_get_answers_in_order(self, backend: Backend) -> None:
        batch = firings(3)
        backend.enqueue(batch)
        asked = [batch[2].id, "0" * 24, batch[0].id, batch[2].id]
        answers = backend.get(asked)
        assert [record and record.id for record in answers] == [batch[2].id, None, batch[0].id, batch[2].id]

    def test_get_of_nothing_is_nothing(self, backend: Backend) -> None:
        assert backend.get([]) == []

    def test_get_reads_any_number(self, backend: Backend) -> None:
        batch = firings(MAX_PAGE + 1)
        backend.enqueue(batch)
        asked = [*ids(batch), "f" * 24]
        assert [record and record.id for record in backend.get(asked)] == [*ids(batch), None]

    @pytest.mark.parametrize("id_", ["", "x", "☃", "'", "%", "0" * 24, "f" * 300])
    def test_unknown_id_is_none(self, backend: Backend, id_: str) -> None:
        backend.enqueue([firing()])
        assert backend.get([id_]) == [None]

    def test_find_completes_the_start_of_an_id(self, backend: Backend) -> None:
        batch = [firing(id=prefix + "0" * 20) for prefix in ("aaaa", "aaab", "abbb", "bbbb")]
        backend.enqueue(batch)
        assert sorted(backend.find("aaa")) == [batch[0].id, batch[1].id]
        assert backend.find("abbb") == [batch[2].id]
        assert backend.find(batch[3].id) == [batch[3].id]
        assert backend.find("c") == []

    def test_find_is_bounded(self, backend: Backend) -> None:
        backend.enqueue([firing(id=f"a{number:023x}") for number in range(20)])
        assert len(backend.find("a")) == 10
        assert len(backend.find("a", limit=3)) == 3
        assert len(backend.find("a", limit=50)) == 20

    def test_find_sees_finished_firings(self, backend: Backend) -> None:
        done = settled(backend)
        assert backend.find(done[:23]) == [done]

    @pytest.mark.parametrize("pattern", ["%", "_", "*", "?", "[a-f]", "a%", "☃", "\\"])
    def test_find_takes_nothing_for_a_pattern(self, backend: Backend, pattern: str) -> None:
        backend.enqueue([firing(id="a" * 24)])
        assert backend.find(pattern) == []

    # --- pages ------------------------------------------------------------------------------------

    def test_pending_are_listed_in_claim_order(self, backend: Backend, clock: VirtualClock) -> None:
        batch = [firing(priority=n % 3, due=clock.now() + n // 3 * 7) for n in range(12)]
        backend.enqueue(batch)
        shown = ids(listed(backend, State.PENDING))
        clock.advance(100)
        assert shown == ids(claim(backend, 20))

    def test_pending_are_listed_also_before_they_are_due(self, backend: Backend) -> None:
        made = firing(delay=100.0)
        backend.enqueue([made])
        assert ids(listed(backend, State.PENDING)) == [made.id]

    def test_running_are_listed_in_claim_order(self, backend: Backend) -> None:
        batch = [firing(priority=priority) for priority in (1, 9, 5)]
        backend.enqueue(batch)
        claim(backend, 3)
        assert [record.priority for record in listed(backend, State.RUNNING)] == [9, 5, 1]

    @pytest.mark.parametrize("final", FINAL_STATES)
    def test_finished_are_listed_newest_first(
        self, backend: Backend, clock: VirtualClock, final: State
    ) -> None:
        done = []
        for _ in range(5):
            done.append(settled(backend, Verdict(final.value)))
            clock.advance(1)
        assert ids(listed(backend, final, limit=2)) == done[::-1]

    def test_listing_holds_one_state_of_one_route(self, backend: Backend) -> None:
        made = firing()
        backend.enqueue([made, firing(route="bar"), firing(queue="other")])
        settled(backend, priority=9)
        assert ids(listed(backend, State.PENDING)) == [made.id]

    def test_listed_records_are_complete(self, backend: Backend) -> None:
        lent = claimed(backend, key="k", body=b"\x00", priority=9)
        assert listed(backend, State.RUNNING) == [read(backend, lent.id)]
        backend.settle([outcome(lent, result=b"\x00")])
        assert listed(backend, State.COMPLETE) == [read(backend, lent.id)]

    def test_unknown_route_has_an_empty_page(self, backend: Backend) -> None:
        page = backend.page("nowhere", "nothing", State.PENDING)
        assert (page.records, page.next) == ((), None)

    @pytest.mark.parametrize("count", [0, 1, 4, 5, 6, 10, 13])
    def test_paging_shows_everything_once(self, backend: Backend, count: int) -> None:
        batch = firings(count)
        backend.enqueue(batch)
        assert ids(listed(backend, State.PENDING, limit=5)) == ids(batch)

    @pytest.mark.parametrize("state", list(State))
    def test_paging_splits_no_ties(self, backend: Backend, clock: VirtualClock, state: State) -> None:
        batch = firings(11, due=clock.now())
        backend.enqueue(batch)
        if state is not State.PENDING:
            lent = claim(backend, 11)
            if state.final:
                backend.settle([outcome(one, Verdict(state.value)) for one in lent])
        shown = ids(listed(backend, state, limit=3))
        assert sorted(shown) == ids(batch)

    def test_page_is_bounded(self, backend: Backend) -> None:
        batch = firings(MAX_PAGE + 1)
        backend.enqueue(batch)
        page = backend.page(QUEUE, ROUTE, State.PENDING, limit=10 * MAX_PAGE)
        assert ids(page.records) == ids(batch)[:MAX_PAGE]
        rest = backend.page(QUEUE, ROUTE, State.PENDING, limit=10 * MAX_PAGE, after=page.next)
        assert ids(rest.records) == ids(batch)[MAX_PAGE:]

    def test_paging_while_others_come_and_go_shows_the_rest_once(
        self, backend: Backend, clock: VirtualClock
    ) -> None:
        batch = firings(40, due=clock.now())
        backend.enqueue(batch)
        shown: list[str] = []
        after = None
        while True:
            page = backend.page(QUEUE, ROUTE, State.PENDING, 5, after)
            shown += ids(page.records)
            after = page.next
            if after is None:
                break
            backend.enqueue([firing(priority=9), firing(priority=0)])
            backend.kill([batch[len(shown) - 1].id, batch[-1 - len(shown) // 5].id])
        stayed = [record.id for record in backend.get(ids(batch)) if record and record.state is State.PENDING]
        assert len(shown) == len(set(shown))
        assert [id_ for id_ in shown if id_ in stayed] == stayed

    def test_paging_finished_while_more_finish_shows_the_old_once(
        self, backend: Backend, clock: VirtualClock
    ) -> None:
        backend.enqueue(firings(20))
        done = []
        for one in claim(backend, 20):
            backend.settle([outcome(one)])
            done.append(one.id)
            clock.advance(1)
        shown: list[str] = []
        after = None
        while True:
            page = backend.page(QUEUE, ROUTE, State.COMPLETE, 3, after)
            shown += ids(page.records)
            after = page.next
            if after is None:
                break
            settled(backend)
            clock.advance(1)
        assert shown == done[::-1]

    @pytest.mark.parametrize("cursor", BAD_CURSORS)
    @pytest.mark.parametrize("state", [State.PENDING, State.COMPLETE])
    def test_cursor_by_hand_is_refused(self, backend: Backend, cursor: str, state: State) -> None:
        backend.enqueue([firing()])
        with pytest.raises(SkunkQueueError):
            backend.page(QUEUE, ROUTE, state, 5, cursor)

    def test_cursor_cut_short_is_no_crash(self, backend: Backend) -> None:
        backend.enqueue(firings(3))
        cursor = backend.page(QUEUE, ROUTE, State.PENDING, 1).next
        assert cursor is not None
        for end in range(len(cursor)):
            try:
                page = backend.page(QUEUE, ROUTE, State.PENDING, 1, cursor[:end])
            except SkunkQueueError:
                continue
            assert len(page.records) <= 1

    # --- routes and counts ------------------------------------------------------------------------

    def test_empty_store_has_no_routes(self, backend: Backend) -> None:
        assert backend.routes() == []
        assert backend.routes(QUEUE) == []

    def test_routes_are_listed_by_queue_and_name(self, backend: Backend) -> None:
        places = [("b", "y"), ("a", "z"), ("b", "x"), ("a", "y")]
        backend.enqueue([firing(queue=queue, route=route) for queue, route in places])
        assert [(info.queue, info.route) for info in backend.routes()] == sorted(places)
        assert [(info.queue, info.route) for info in backend.routes("b")] == [("b", "x"), ("b", "y")]

    def test_counts_name_every_state(self, backend: Backend) -> None:
        backend.enqueue([firing()])
        info = route_info(backend)
        assert info is not None
        assert info.counts == {state: int(state is State.PENDING) for state in State}

    def test_counts_are_exact_after_every_verb(self, backend: Backend, clock: VirtualClock) -> None:
        backend.enqueue(firings(10))
        assert counts(backend) == {State.PENDING: 10}
        lent = claim(backend, 4)
        assert counts(backend) == {State.PENDING: 6, State.RUNNING: 4}
        backend.settle([outcome(lent[0]), outcome(lent[1], Verdict.ERROR)])
        assert counts(backend) == {State.PENDING: 6, State.RUNNING: 2, State.COMPLETE: 1, State.ERROR: 1}
        clock.advance(1_000)
        claim(backend, 1, worker=OTHER)
        backend.settle([outcome(one, Verdict.RELEASE) for one in lent[2:]])
        found = counts(backend)
        assert found[State.PENDING] + found[State.RUNNING] == 8
        backend.requeue([lent[0].id])
        assert State.COMPLETE not in counts(backend)
        waiting = listed(backend, State.PENDING)
        backend.kill([waiting[0].id])
        assert counts(backend)[State.KILLED] == 1
        assert backend.purge(QUEUE, ROUTE) == len(waiting) - 1
        assert State.PENDING not in counts(backend)
        clock.advance(10)
        backend.prune(older=1.0)
        assert not set(counts(backend)) & set(FINAL_STATES)

    def test_oldest_due_is_the_earliest_of_the_pending(self, backend: Backend, clock: VirtualClock) -> None:
        now = clock.now()
        backend.enqueue(
            [firing(due=now + due, priority=priority) for due, priority in ((30, 9), (-5, 0), (2, 5))]
        )
        info = route_info(backend)
        assert info is not None
        assert info.oldest_due == pytest.approx(now - 5, abs=0.002)

    def test_oldest_due_is_none_where_nothing_is_pending(self, backend: Backend) -> None:
        claimed(backend)
        info = route_info(backend)
        assert info is not None
        assert info.oldest_due is None

    def test_minutes_are_read_from_since_until_before_until(
        self, backend: Backend, clock: VirtualClock
    ) -> None:
        first = int(clock.now() // 60)
        for _ in range(4):
            backend.enqueue([firing()])
            clock.advance(60)
        found = backend.minutes(QUEUE, ROUTE, first + 1, first + 3)
        assert [entry.minute for entry in found] == [first + 1, first + 2]

    def test_minutes_without_events_are_left_out(self, backend: Backend, clock: VirtualClock) -> None:
        first = int(clock.now() // 60)
        backend.enqueue([firing()])
        clock.advance(600)
        backend.enqueue([firing()])
        assert [entry.minute for entry in backend.minutes(QUEUE, ROUTE, first, first + 20)] == [
            first,
            first + 10,
        ]

    def test_counters_are_dropped_by_prune_when_old(self, backend: Backend, clock: VirtualClock) -> None:
        first = int(clock.now() // 60)
        backend.enqueue([firing()])
        clock.advance(COUNTER_TTL + 120)
        backend.enqueue([firing()])
        backend.prune()
        found = backend.minutes(QUEUE, ROUTE, first, first + 3_000)
        assert [entry.minute for entry in found] == [int(clock.now() // 60)]

    # --- of itself --------------------------------------------------------------------------------

    def test_store_tells_the_time_it_judges_by(self, backend: Backend, clock: VirtualClock) -> None:
        assert backend.now() == pytest.approx(clock.now(), abs=0.002)
        clock.advance(5)
        assert backend.now() == pytest.approx(clock.now(), abs=0.002)

    def test_store_says_where_and_what_it_is(self, backend: Backend) -> None:
        assert backend.location().strip()
        assert backend.version().strip()

    def test_class_names_its_backend_and_its_default(
        self, tested_class: type[Backend], config: BackendConfig
    ) -> None:
        assert tested_class.name == config.backend
        assert tested_class.default_cfg["backend"] == tested_class.name
        known = {
            "durable",
            "processes",
            "rows",
            "counters",
            "pools",
            "audit",
            "schedule pages",
            "transactions",
        }
        assert tested_class.capabilities <= known

    def test_closing_twice_is_safe(self, backend: Backend) -> None:
        backend.close()
        backend.close()

    def test_what_was_accepted_is_there_after_reopening(
        self, durable: None, tested_class: type[Backend], config: BackendConfig
    ) -> None:
        del durable
        first = tested_class.open(config)
        lent = claimed(first, key="k")
        first.settle([outcome(lent, result=b"\x00", follow=(firing(route="bar"),))])
        first.pause(QUEUE, "bar")
        first.close()
        second = tested_class.open(config)
        assert read(second, lent.id).result == b"\x00"
        assert counts(second, route="bar") == {State.PENDING: 1}
        assert claim(second, route="bar") == []
        second.close()

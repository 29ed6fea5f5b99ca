"""A random walk over all verbs: a store and the plain model do the same, and are compared after each step.

Each example uses a queue of its own in one store, so it needs no fresh store, and cleans up.
Due times are whole seconds, so that no store's rounding decides an order. Leases and ttls end between
whole seconds, so that it does not matter whether their last moment is part of them.
"""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from skunkqueue.clock import VirtualClock
from skunkqueue.contract import makers
from skunkqueue.contract.choices import ROUTES, any_route, asked, endings, names, picks, routes, seats, specs
from skunkqueue.contract.model import Model
from skunkqueue.listings import Query
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import Claim, Death, Firing, Outcome, Refire, State, Verdict

FAILING = (Verdict.ERROR, Verdict.KILLED, Verdict.EXPIRED, Verdict.RETRY)
"""Verdicts that come with an error line."""


class Machine(RuleBasedStateMachine):
    """Does the same to a store and to the model, and compares them."""

    def __init__(self, backend: Backend, clock: VirtualClock, number: int) -> None:
        super().__init__()
        self.backend, self.clock = backend, clock
        self.queue = f"model-{number}"
        self.lists = "rows" in backend.capabilities
        self.model = Model()
        self.claims: list[Claim] = []
        """The last claims, also those that are stale by now."""
        self.firings: list[Firing] = []
        self.plan_of: dict[str, tuple[str, int]] = {}
        """Which schedule a firing was armed for, and in which generation."""
        self._ids = (f"{number:012x}{count:012x}" for count in itertools.count())
        clock.advance(1.0)
        for seat in range(2):
            self.backend.register(self.worker(seat), 1e9)
            self.model.workers.add(self.seat(seat))

    # --- words ------------------------------------------------------------------------------------

    def seat(self, seat: int) -> str:
        """Return the id of a worker."""
        return f"{self.queue}-w{seat}"

    def worker(self, seat: int) -> Any:
        """Make the record of a worker."""
        return makers.worker(self.seat(seat), queue=self.queue)

    def firing(self, spec: dict[str, Any]) -> Firing:
        """Make a firing with the next id."""
        target = spec.get("target")
        fields = {**spec, "target": None if target is None else self.seat(target)}
        made = makers.firing(id=next(self._ids), queue=self.queue, **fields)
        self.firings.append(made)
        return made

    def some(self, picked: list[int], *, finished: bool = False) -> list[str]:
        """Choose ids of earlier firings; live or finished ones are more likely."""
        ids = [made.id for made in self.firings]
        ids.sort(key=lambda id_: id_ not in self.model.lots or self.model.lots[id_].state.final != finished)
        return list(dict.fromkeys(ids[pick % len(ids)] for pick in picked if ids))

    def picked_claim(self, pick: int) -> Claim:
        """Choose among the last claims; those that are still held are more likely."""
        claims = sorted(self.claims, key=lambda lent: self.model.held(makers.ref(lent)) is None)
        return claims[pick % len(claims)]

    # --- the hot path -----------------------------------------------------------------------------

    @initialize(batch=st.lists(specs, min_size=4, max_size=8))
    def begin(self, batch: list[dict[str, Any]]) -> None:
        self.enqueue(batch, [])

    @rule(batch=st.lists(specs, min_size=1, max_size=6), again=picks)
    def enqueue(self, batch: list[dict[str, Any]], again: list[int]) -> None:
        known = [made for made in self.firings if made.id in self.some(again) and made.id in self.model.lots]
        made = [*known, *(self.firing(spec) for spec in batch)]
        assert self.backend.enqueue(made) == self.model.enqueue(made, self.clock.now())

    @rule(seat=seats, limit=st.integers(1, 5), lease=st.sampled_from([4.5, 4.5, 20.5]))
    def claim(self, seat: int, limit: int, lease: float) -> None:
        now, worker = self.clock.now(), self.seat(seat)
        for route in ROUTES:
            expected = self.model.claimable(route, worker, limit, now)
            lent = self.backend.claim(self.queue, route, worker, limit, lease)
            assert makers.ids(lent) == [lot.firing.id for lot in expected]
            for one, lot in zip(lent, expected, strict=True):
                assert one.token > lot.token
                self.model.lend(lot, one, worker, lease, now)
                assert (one.attempt_state, one.deaths, one.body) == (
                    lot.attempt_state,
                    lot.deaths,
                    lot.firing.body,
                )
                assert one.kill_requested == lot.kill_requested
                lines = [msgspec.json.decode(line, type=Death) for line in one.evidence.splitlines()]
                assert (len(lines), sum(line.begun for line in lines)) == (lot.deaths, lot.known)
            self.claims = [*self.claims, *lent][-12:]

    @rule(batch=st.lists(endings, min_size=1, max_size=4))
    @precondition(lambda self: self.claims)
    def settle(self, batch: list[dict[str, Any]]) -> None:
        now = self.clock.now()
        outcomes = [self.ending(**given, alone=len(batch) == 1) for given in batch]
        expected = [given.id for given in outcomes if not self.model.settle(given, now)]
        assert sorted(self.backend.settle(outcomes)) == sorted(expected)

    @rule(picked=picks, lease=st.sampled_from([4.5, 30.5]), begun=st.booleans())
    @precondition(lambda self: self.claims)
    def extend(self, picked: list[int], lease: float, *, begun: bool) -> None:
        now = self.clock.now()
        refs = list(dict.fromkeys(makers.ref(self.picked_claim(pick), begun=begun) for pick in picked))
        lost = [ref.id for ref in refs if not self.model.extend(ref, lease, now)]
        assert sorted(self.backend.extend(refs, lease)) == sorted(lost)
        for ref in refs:
            assert self.backend.progress(ref, b"half") is (self.model.held(ref) is not None)

    @rule(seconds=st.sampled_from([1.0, 5.0, 5.0, 21.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def ending(
        self, *, pick: int, follow: str | None, refire: str, alone: bool, began: bool, **fields: Any
    ) -> Outcome:
        """Make an outcome; what follows and refires as chosen."""
        lent = self.picked_claim(pick)
        fields["began"] = self.clock.now() if began else None
        if fields["verdict"] not in FAILING:
            fields["error"] = None
        # Two outcomes of a batch must not want the same key: which one gets it is the store's choice.
        key = "k1" if follow == "keyed" and alone else None
        follows = (self.firing({"route": "x", "key": key}),) if follow else ()
        made = makers.outcome(lent, follow=follows, **fields)
        plan = self.plan_of.get(lent.id)
        if plan is None or refire == "none" or not made.verdict.state.final:
            return made
        return makers.outcome(lent, follow=follows, refire=self.refire(lent, *plan, refire), **fields)

    def refire(self, lent: Claim, name: str, generation: int, how: str) -> Refire:
        """Make the next run of a schedule, or its end."""
        schedule = makers.schedule(name, queue=self.queue, generation=generation)
        if how == "end":
            return makers.refire(lent, schedule, None)
        following = self.firing({"route": lent.route, "delay": 5.0})
        self.plan_of[following.id] = (name, generation)
        return makers.refire(lent, schedule, following, state=f"after {lent.id}".encode())

    # --- control ----------------------------------------------------------------------------------

    @rule(picked=picks)
    def kill(self, picked: list[int]) -> None:
        ids = self.some(picked)
        assert self.backend.kill(ids) == self.model.kill(ids, self.clock.now())

    @rule(picked=picks)
    def requeue(self, picked: list[int]) -> None:
        ids = self.some(picked, finished=True)
        assert self.backend.requeue(ids) == self.model.requeue(ids, self.clock.now())

    @rule(picked=picks, finished=st.booleans())
    @precondition(lambda self: self.lists and len(self.model.lots) > 8)
    def delete(self, picked: list[int], *, finished: bool) -> None:
        ids = self.some(picked, finished=finished)
        assert self.backend.delete(ids) == self.model.delete(ids)

    @rule(picked=picks)
    @precondition(lambda self: self.lists)
    def run_now(self, picked: list[int]) -> None:
        ids = self.some(picked)
        assert self.backend.run_now(ids) == self.model.run_now(ids, self.clock.now())

    @rule(route=any_route, verb=st.sampled_from(["purge", "prune", "prune by age", "sweep"]))
    @precondition(lambda self: len(self.model.lots) > 8)
    def clean(self, route: str | None, verb: str) -> None:
        now = self.clock.now()
        if verb == "purge":
            assert self.backend.purge(self.queue, route) == self.model.purge(route)
        elif verb == "sweep":
            self.model.sweep(now)
            while self.backend.sweep():
                pass
        else:
            older = 10.5 if verb == "prune by age" else None
            expected = self.model.prune(older, now)
            # Other examples' queues may have left something to prune.
            assert self.backend.prune(older) >= expected

    @rule(route=any_route)
    @precondition(lambda self: not self.model.paused)
    def pause(self, route: str | None) -> None:
        self.backend.pause(self.queue, route)
        self.model.paused.add(route)

    @rule(route=st.sampled_from([None, None, *ROUTES]))
    @precondition(lambda self: self.model.paused)
    def resume(self, route: str | None) -> None:
        self.backend.resume(self.queue, route)
        self.model.resume(route)

    @rule(seat=seats, verb=st.sampled_from(["reap", "register", "unregister"]), picked=picks)
    def workers(self, seat: int, verb: str, picked: list[int]) -> None:
        now, begun, worker = self.clock.now(), self.some(picked), self.seat(seat)
        if verb == "reap":
            expected = self.model.reap(worker, begun, now)
            assert self.backend.reap(worker, begun, makers.death(now, worker)) == expected
        elif verb == "register":
            self.backend.register(self.worker(seat), 1e9)
            self.model.workers.add(worker)
        else:
            self.backend.unregister(worker)
            self.model.workers.discard(worker)

    # --- schedules --------------------------------------------------------------------------------

    @rule(name=names, route=routes, params=st.sampled_from([b"p1", b"p1", b"p2"]))
    def declare(self, name: str, route: str, params: bytes) -> None:
        made, before = self.firing({"route": route}), self.model.plans.get(name)
        schedule = makers.schedule(name, queue=self.queue, route=route, params=params)
        changed = self.model.declare(schedule, made, self.clock.now())
        assert self.backend.declare(schedule, made) is changed
        found = self.backend.get_schedule(self.queue, name)
        assert found is not None
        if changed:
            assert before is None or found.generation > before.generation
            self.model.plans[name].generation = found.generation
        self.plan_of[made.id] = (name, found.generation)

    @rule(name=names, verb=st.sampled_from(["arm", "arm", "arm wrongly", "pause", "resume", "remove"]))
    @precondition(lambda self: self.model.plans)
    def reschedule(self, name: str, verb: str) -> None:
        now, plan = self.clock.now(), self.model.plans.get(name)
        if plan and plan.paused:
            verb = "resume"
        if verb == "pause":
            assert self.backend.pause_schedule(self.queue, name) is self.model.pause_schedule(name)
        elif verb == "remove":
            assert self.backend.remove_schedule(self.queue, name) is self.model.remove_schedule(name)
        else:
            generation = (plan.generation if plan else 1) + (verb == "arm wrongly")
            made = self.firing({"route": plan.route if plan else "x"})
            self.plan_of[made.id] = (name, generation)
            if verb == "resume":
                expected = self.model.resume_schedule(name, made, now)
                assert self.backend.resume_schedule(self.queue, name, made) is expected
            else:
                expected = self.model.arm(name, generation, made, now)
                assert self.backend.arm(self.queue, name, generation, made) is expected

    # --- what people ask --------------------------------------------------------------------------

    @rule(filters=asked, limit=st.integers(1, 9))
    @precondition(lambda self: self.lists)
    def ask(self, filters: dict[str, Any], limit: int) -> None:
        query = Query(queue=self.queue, **filters)
        expected = self.model.asked(query)
        pages = makers.pages_of(self.backend, query, limit)
        assert [row.id for page in pages for row in page.rows] == [lot.firing.id for lot in expected]
        back: list[str] = []
        cursor = pages[-1].previous
        while cursor is not None:
            page = self.backend.rows(query, limit, cursor)
            back[:0] = makers.ids(page.rows)
            cursor = page.previous
        assert back == [row.id for page in pages[:-1] for row in page.rows]
        count = self.backend.count(query)
        assert (count.number, count.exact) == (len(expected), True)

    # --- what must be the same --------------------------------------------------------------------

    @invariant()
    def same_as_the_model(self) -> None:
        self.same_firings()  # first, since it adopts the store's choices
        self.same_counts_and_order()
        self.same_schedules()
        if self.lists:
            self.same_rows()

    def same_firings(self) -> None:
        """Compare single firings."""
        ids = [made.id for made in self.firings]
        records = dict(zip(ids, self.backend.get(ids), strict=True))
        now = self.clock.now()
        for id_, record in records.items():
            if id_ in self.model.lots:
                self.model.take_over(id_, record, now)
            lot = self.model.lots.get(id_)
            seen = record and (record.state, record.token, record.deaths, record.kill_requested)
            assert seen == (lot and (lot.state, lot.token, lot.deaths, lot.kill_requested))
            if record and lot:
                assert (record.attempt_state, record.key) == (lot.attempt_state, lot.firing.key)
                assert not record.state.final or record.result == lot.result
                assert record.state.final or abs(record.due - lot.due) < 0.002

    def same_counts_and_order(self) -> None:
        """Compare the routes, and the order of listings."""
        infos = {info.route: info for info in self.backend.routes(self.queue)}
        for route in ROUTES:
            lots = [lot for lot in self.model.lots.values() if lot.firing.route == route]
            counted = Counter(lot.state for lot in lots)
            if route in infos:
                assert infos[route].counts == {state: counted[state] for state in State}
                assert infos[route].paused == bool(self.model.paused & {None, route})
            else:
                assert not counted
            for state in (State.PENDING, State.RUNNING):
                shown = makers.ids(makers.listed(self.backend, state, queue=self.queue, route=route))
                expected = sorted((lot for lot in lots if lot.state is state), key=lambda lot: lot.order)
                assert shown == [lot.firing.id for lot in expected]

    def same_rows(self) -> None:
        """Compare every firing in one listing, and the counts of every job."""
        now, lots = self.clock.now(), self.model.lots.values()
        shown = makers.rows_of(self.backend, queue=self.queue, newest=False)
        expected = sorted(lots, key=lambda lot: lot.place_in_line)
        assert makers.ids(shown) == [lot.firing.id for lot in expected]
        for row, lot in zip(shown, expected, strict=True):
            attempts = lot.attempts + lot.deaths + (lot.state is State.RUNNING)
            assert (row.state, row.waits, row.attempts) == (lot.state, self.model.waits(lot, now), attempts)
            assert (row.error, row.job, row.tags) == (lot.error, lot.firing.job, lot.firing.tags)
            assert row.parent == lot.firing.parent
        counted = Counter((lot.firing.route, lot.firing.job, lot.state) for lot in lots)
        told = {
            (one.route, one.job, state): number
            for one in self.backend.job_counts(self.queue)
            for state, number in one.counts.items()
            if number
        }
        assert told == dict(counted)

    def same_schedules(self) -> None:
        """Compare schedules and their histories."""
        found = {schedule.name: schedule for schedule in self.backend.schedules(self.queue)}
        assert sorted(found) == sorted(self.model.plans)
        for name, plan in self.model.plans.items():
            schedule = found[name]
            assert (schedule.generation, schedule.paused) == (plan.generation, plan.paused)
            assert (schedule.route, schedule.params, schedule.state) == (plan.route, plan.params, plan.state)
            assert [run.id for run in self.backend.history(self.queue, name)] == plan.history
            if self.model.live(plan):
                assert schedule.firing == plan.firing
        for route in ROUTES:
            idle = [schedule.name for schedule in self.backend.idle_schedules(self.queue, route)]
            assert idle == self.model.idle(route)

    def teardown(self) -> None:
        """Leave nothing behind for later examples."""
        for name in list(self.model.plans):
            self.backend.remove_schedule(self.queue, name)
        for seat in range(3):
            self.backend.reap(self.seat(seat), [], makers.death(self.clock.now(), self.seat(seat)))
        self.backend.purge(self.queue)
        self.backend.resume(self.queue)
        self.clock.advance(1.0)
        while self.backend.prune(older=0.5) == 1_000:
            pass
        for info in self.backend.routes(self.queue):
            assert not any(info.counts.values()), f"{info.route} is not empty after all was removed"

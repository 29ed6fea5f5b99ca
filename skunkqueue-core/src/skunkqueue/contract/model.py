"""One queue as plain data. The property-based test compares a backend with it.

It is slow and simple on purpose, and knows no store, no pages and no threads. Where the contract leaves a backend
a choice (when exactly a lease that ran out is taken back, which old firings a sweep prunes), the model
adopts what it sees, if that is one of the choices (``take_over``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from skunkqueue.contract.model_records import Lot, Plan
from skunkqueue.listings import Query
from skunkqueue.records import Claim, ClaimRef, Firing, Outcome, Record, Refire, Schedule, State, Verdict


class Model:
    """One queue, its routes, schedules and live workers."""

    def __init__(self) -> None:
        self.lots: dict[str, Lot] = {}
        self.gone: set[str] = set()
        self.paused: set[str | None] = set()
        self.plans: dict[str, Plan] = {}
        self.workers: set[str] = set()

    # --- the hot path -----------------------------------------------------------------------------

    def enqueue(self, firings: Iterable[Firing], now: float) -> list[str]:
        """Put in firings whose id is new and whose key no live firing has."""
        return [self._put(firing, now) for firing in firings]

    def claimable(self, route: str, worker: str, limit: int, now: float) -> list[Lot]:
        """Return what a claim must lend now, in order."""
        if self.paused & {None, route}:
            return []
        ready = [
            lot
            for lot in self.lots.values()
            if lot.firing.route == route
            and lot.firing.target in (None, worker)
            and (lot.overdue(now) or (lot.state is State.PENDING and lot.due <= now))
        ]
        batch: list[Lot] = []
        for lot in sorted(ready, key=lambda lot: lot.order)[:limit]:
            suspect = bool(lot.deaths) or lot.overdue(now)
            if suspect and batch:
                break
            batch.append(lot)
            if suspect:
                break
        return batch

    def lend(self, lot: Lot, lent: Claim, worker: str, lease: float, now: float) -> None:
        """Note a claim that came as expected; the store chooses the token."""
        if lot.overdue(now):
            lot.deaths += 1
            lot.known += lot.begun
        lot.begun = False
        lot.state, lot.worker, lot.token, lot.lease_end = State.RUNNING, worker, lent.token, now + lease

    def held(self, ref: ClaimRef | Outcome) -> Lot | None:
        """Find the firing that runs under a token."""
        lot = self.lots.get(ref.id)
        return lot if lot and lot.state is State.RUNNING and lot.token == ref.token else None

    def settle(self, outcome: Outcome, now: float) -> bool:
        """Apply an outcome; False where it is stale."""
        lot = self.held(outcome)
        if lot is None:
            return False
        if outcome.attempt_state is not None:
            lot.attempt_state = outcome.attempt_state
        lot.error = outcome.error or lot.error
        lot.attempts += outcome.began is not None and outcome.verdict is not Verdict.ADVANCE
        if outcome.verdict.state.final:
            lot.result = outcome.result
            lot.finish(outcome.verdict.state, now, outcome.ttl)
        elif outcome.verdict is not Verdict.ADVANCE:
            if outcome.verdict is not Verdict.RELEASE or outcome.due is not None or outcome.delay:
                lot.due = outcome.due if outcome.due is not None else now + outcome.delay
            lot.state = State.PENDING
            waits = outcome.verdict in (Verdict.RETRY, Verdict.SNOOZE)
            lot.again = outcome.verdict.value if waits else None
        self.enqueue(outcome.follow, now)
        if outcome.refire is not None:
            self._refire(outcome.id, outcome.refire, now)
        return True

    def extend(self, ref: ClaimRef, lease: float, now: float) -> bool:
        """Extend a lease; False where it is lost."""
        lot = self.held(ref)
        if lot is not None:
            lot.lease_end = now + lease
            lot.begun |= ref.begun
        return lot is not None

    # --- control ----------------------------------------------------------------------------------

    def kill(self, ids: Sequence[str], now: float) -> dict[str, State | None]:
        """Kill a pending firing, or mark a running one."""
        before: dict[str, State | None] = dict.fromkeys(ids)
        for id_ in before:
            lot = self.lots.get(id_)
            if lot is None:
                continue
            before[id_] = lot.state
            if lot.state is State.PENDING:
                lot.finish(State.KILLED, now)
            elif lot.state is State.RUNNING:
                lot.kill_requested = True
        return before

    def requeue(self, ids: Sequence[str], now: float) -> list[str]:
        """Start finished firings over."""
        done = []
        for id_ in ids:
            lot = self.lots.get(id_)
            if lot is None or not lot.state.final or self._key_holder(lot.firing) is not None:
                continue
            lot.state, lot.due, lot.deaths, lot.attempt_state, lot.kill_requested = (
                State.PENDING,
                now,
                0,
                None,
                False,
            )
            lot.known = 0
            lot.result = None
            lot.attempts, lot.again, lot.error = 0, None, None
            done.append(id_)
        return done

    def delete(self, ids: Sequence[str]) -> dict[str, State | None]:
        """Remove what does not run."""
        before = self.states(ids)
        self._remove([self.lots[id_] for id_, was in before.items() if was not in (None, State.RUNNING)])
        return before

    def run_now(self, ids: Sequence[str], now: float) -> dict[str, State | None]:
        """Make pending firings due."""
        before = self.states(ids)
        for id_, was in before.items():
            if was is State.PENDING:
                self.lots[id_].due = min(self.lots[id_].due, now)
        return before

    def states(self, ids: Sequence[str]) -> dict[str, State | None]:
        """Return the state of each; ``None`` where it is unknown."""
        return {id_: self.lots[id_].state if id_ in self.lots else None for id_ in ids}

    def asked(self, query: Query) -> list[Lot]:
        """List what a listing must show, in its order."""
        found = [
            lot
            for lot in self.lots.values()
            if query.route in (None, lot.firing.route)
            and (not query.states or lot.state in query.states)
            and query.job in (None, lot.firing.job)
            and (query.tag is None or query.tag in lot.firing.tags)
            and query.key in (None, lot.firing.key)
            and query.parent in (None, lot.firing.parent)
            and (query.error is None or (lot.error or "").partition(":")[0] == query.error)
        ]
        return sorted(found, key=lambda lot: lot.place_in_line, reverse=query.newest)

    def waits(self, lot: Lot, now: float) -> str | None:
        """Return what a firing waits for, if it is pending."""
        if lot.state is not State.PENDING:
            return None
        if self.paused & {None, lot.firing.route}:
            return "pause"
        return "turn" if lot.due <= now else lot.again or "time"

    def purge(self, route: str | None) -> int:
        """Remove what is pending."""
        return self._remove(
            lot
            for lot in self.lots.values()
            if lot.state is State.PENDING and route in (None, lot.firing.route)
        )

    def resume(self, route: str | None) -> None:
        """End pauses."""
        self.paused = set() if route is None else self.paused - {route}

    def prune(self, older: float | None, now: float) -> int:
        """Remove what is old enough."""
        return self._remove(
            lot
            for lot in self.lots.values()
            if (lot.past_ttl(now) if older is None else lot.state.final and lot.finished < now - older)
        )

    # --- workers ----------------------------------------------------------------------------------

    def reap(self, worker: str, begun: Sequence[str], now: float) -> int:
        """Give back what a worker held, and kill firings that only it could run."""
        held = [lot for lot in self.lots.values() if lot.state is State.RUNNING and lot.worker == worker]
        for lot in held:
            lot.state = State.PENDING
            lot.deaths += lot.firing.id in begun
            lot.known += lot.firing.id in begun
        self.workers.discard(worker)
        self._kill_copies({worker}, now)
        return len(held)

    def sweep(self, now: float) -> None:
        """Kill firings that are targeted at a worker which is not listed."""
        targets = {lot.firing.target for lot in self.lots.values() if lot.firing.target is not None}
        self._kill_copies(targets - self.workers, now)

    # --- schedules --------------------------------------------------------------------------------

    def declare(self, schedule: Schedule, firing: Firing, now: float) -> bool:
        """Declare or replace; the store chooses the generation."""
        old = self.plans.get(schedule.name)
        if old is not None and (old.route, old.params) == (schedule.route, schedule.params):
            return False
        if old is not None:
            self._disarm(old)
        plan = Plan(schedule.route, schedule.params, schedule.state, 0, "")
        if old is not None:
            plan.generation, plan.paused, plan.history = old.generation, old.paused, old.history
        self.plans[schedule.name] = plan
        if not plan.paused:
            plan.firing = self._put(firing, now)
        return True

    def arm(self, name: str, generation: int, firing: Firing, now: float) -> bool:
        """Replace the pending firing."""
        plan = self.plans.get(name)
        if plan is None or plan.generation != generation or plan.paused:
            return False
        if self.live(plan) is State.RUNNING:
            return False
        self._disarm(plan)
        plan.firing = self._put(firing, now)
        return True

    def pause_schedule(self, name: str) -> bool:
        """Disarm until resumed."""
        plan = self.plans.get(name)
        if plan is None:
            return False
        self._disarm(plan)
        plan.paused = True
        return True

    def resume_schedule(self, name: str, firing: Firing, now: float) -> bool:
        """Arm again."""
        plan = self.plans.get(name)
        if plan is None or not plan.paused:
            return False
        plan.paused = False
        if self.live(plan) is None:
            plan.firing = self._put(firing, now)
        return True

    def remove_schedule(self, name: str) -> bool:
        """Forget it."""
        plan = self.plans.pop(name, None)
        if plan is None:
            return False
        self._disarm(plan)
        return True

    def idle(self, route: str) -> list[str]:
        """List the schedules that no firing moves on."""
        return sorted(
            name
            for name, plan in self.plans.items()
            if plan.route == route and not plan.paused and self.live(plan) is None
        )

    def live(self, plan: Plan) -> State | None:
        """Return whether a schedule's firing is pending or running."""
        lot = self.lots.get(plan.firing)
        return None if lot is None or lot.state.final else lot.state

    # --- choices of the store ---------------------------------------------------------------------

    def take_over(self, id_: str, record: Record | None, now: float) -> None:
        """Adopt the store's choice where it was free to choose."""
        lot = self.lots[id_]
        if record is None:
            if lot.past_ttl(now):
                self._remove([lot])
        elif lot.overdue(now) and record.state is State.PENDING:
            lot.state = State.PENDING
            lot.deaths += 1
            lot.known += lot.begun

    # --- inside -----------------------------------------------------------------------------------

    def _put(self, firing: Firing, now: float) -> str:
        if firing.id in self.lots:
            return firing.id
        holder = self._key_holder(firing)
        if holder is not None:
            return holder
        self.lots[firing.id] = Lot(firing, now + firing.delay if firing.due is None else firing.due)
        self.gone.discard(firing.id)
        return firing.id

    def _key_holder(self, firing: Firing) -> str | None:
        for lot in self.lots.values():
            if firing.key is not None and lot.firing.key == firing.key and not lot.state.final:
                return lot.firing.id
        return None

    def _remove(self, lots: Iterable[Lot]) -> int:
        doomed = [lot.firing.id for lot in lots]
        for id_ in doomed:
            del self.lots[id_]
        self.gone.update(doomed)
        return len(doomed)

    def _kill_copies(self, targets: set[str], now: float) -> None:
        for lot in self.lots.values():
            if lot.firing.target in targets and (lot.state is State.PENDING or lot.overdue(now)):
                lot.finish(State.KILLED, now)

    def _disarm(self, plan: Plan) -> None:
        if self.live(plan) is State.PENDING:
            self._remove([self.lots[plan.firing]])

    def _refire(self, settled: str, refire: Refire, now: float) -> None:
        plan = self.plans.get(refire.name)
        if plan is None or plan.generation != refire.generation or plan.firing != settled:
            return
        if refire.firing is None:
            del self.plans[refire.name]
            return
        plan.state, plan.runs = refire.state, plan.runs + 1
        plan.history.append(refire.run.id)
        if not plan.paused:
            plan.firing = self._put(refire.firing, now)

"""Plans the next run of a schedule when one has ended, and arms schedules that have no run planned.

A strategy that fails costs its schedule the next run, and nothing else.
"""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Iterator, Sequence
from functools import partial

from msgspec.structs import replace

from skunkqueue.clock import monotonic
from skunkqueue.errors import (
    BackendDamagedError,
    BackendError,
    BackendFullError,
    BackendReadOnlyError,
    BackendUnavailableError,
)
from skunkqueue.persistence.backend import MAX_PAGE
from skunkqueue.plugins.calls import Call
from skunkqueue.processes.scoreboard import STRATEGY
from skunkqueue.records import Claim, Refire, Schedule, Verdict
from skunkqueue.schedule import (
    Observation,
    Plan,
    firing_for,
    refire,
    skipped,
    unplanned,
)
from skunkqueue.worker.attempt import Attempt
from skunkqueue.worker.complete.strategies import Asking, Strategies, key_of
from skunkqueue.worker.judge.evidence import deaths_of, read_evidence
from skunkqueue.worker.services import Services

logger = logging.getLogger("skunkqueue.worker")

PASSING = (BackendUnavailableError, BackendFullError, BackendReadOnlyError, BackendDamagedError)
"""Failures of a store that are not about what it was given."""
HEAL_FOR = 0.1
"""Seconds that healing takes at a time, since the same thread also keeps the leases."""
PLAN_FOR = 0.1
"""The same for the next runs that the maintenance thread plans."""
OFFER = 0.1
"""Seconds for which a worker claims nothing after it gave back a firing whose strategy it lacks, so that others get it."""
FIRST_DELAY = 0.2
"""Seconds for which a firing is put off that no other worker took."""
LONGEST_DELAY = 5.0
"""The same after it has come back again and again, each time for twice as long."""
_PLANS = 2_000
"""The most schedules that are remembered as they were last planned here."""
_SMALL = 4_096
"""The most bytes of body and state that such a schedule may have."""


class Refires:
    """Works out refires for one worker."""

    def __init__(self, services: Services) -> None:
        settings = services.settings
        self._backend = services.backend
        self._queue = settings.queue
        self._routes = settings.routes
        self._strategies = Strategies(services)
        self._left: dict[str, tuple[str, float, bool]] = {}
        """By schedule: the firing last left to others, the longest delay it had, and if it was last given none."""
        self._offered = False
        self._plans: dict[str, Schedule] = {}
        """By name: schedules as they are once the store has taken what was planned here."""

    def close(self) -> None:
        """End the threads on which strategies are asked."""
        self._strategies.close()

    def has(self, strategy: str | None) -> bool:
        """Return whether a strategy is loaded."""
        return self._strategies.has(strategy)

    def lacks(self, name: str, strategy: str | None, claim: Claim) -> bool:
        """Return whether this worker cannot plan what follows a schedule's firing, and so must not run it."""
        if strategy is None or self._strategies.has(strategy) or _ended_a_worker(claim):
            return False
        if self._strategies.load(strategy, name, claim) is not None:
            return False
        try:
            schedule = self._backend.get_schedule(self._queue, name)
        except BackendError:
            return True
        # Nothing follows one that was requeued by hand, or whose schedule is gone.
        return schedule is not None and schedule.firing == claim.id

    def delay_for_others(self, name: str, firing: str) -> float:
        """Return the delay with which a firing is given back whose strategy is missing here.

        Nobody can claim it during a delay, and afterwards all are as likely to get it: with many workers that
        lack the strategy, the one that has it would wait for long. So it is first given back without any, and
        this worker then claims nothing for a moment (``pop_offered``), as every other one that lacks it will.
        A firing that no other worker took comes back, is put off, and is offered again when it is due.
        """
        before, delay, offered = self._left.get(name, ("", 0.0, False))
        if before != firing:
            delay, offered = 0.0, False
        if offered:
            delay = min(max(2 * delay, FIRST_DELAY), LONGEST_DELAY)
        else:
            self._offered = True
        self._left[name] = (firing, delay, not offered)
        return delay if offered else 0.0

    def pop_offered(self) -> bool:
        """Return whether a firing was given back without a delay since the last call."""
        offered, self._offered = self._offered, False
        return offered

    def attach_each(self, batch: Sequence[Attempt], now: float, patience: float = math.inf) -> list[Attempt]:
        """Add what follows to the final outcomes of schedules' firings; raises BackendError.

        Returns those whose strategies were not asked, since the others had taken ``patience`` seconds.
        """
        asked, asking = list[tuple[Attempt, Schedule, str]](), list[Call]()
        for one, schedule in self._ended_runs(batch):
            claim = one.claim
            if schedule is None or schedule.firing != claim.id:
                continue
            key = key_of(schedule)
            if _ended_a_worker(claim) or self._strategies.rests.has(key):
                # A worker that heals the schedule plans its next run.
                self._note_unplanned(one, schedule, now)
                continue
            asked.append((one, schedule, key))
            about = Asking(schedule.name, schedule.strategy, claim)
            asking.append(Call(key, partial(self._follow, schedule, one, now), about))
        results = self._strategies.ask(asking, patience)
        for (one, schedule, key), (following, error) in zip(asked, results, strict=False):
            if error is not None:
                # The next sweep arms the schedule again. Only this observation is lost.
                self._strategies.complain(schedule, error)
                self._note_unplanned(one, schedule, now)
            elif following is None:
                self._note_unplanned(one, schedule, now)
            else:
                self._strategies.rests.end(key)
                one.outcome = replace(one.outcome, refire=following)
                self._remember(schedule, following)
        return [one for one, _, _ in asked[len(results) :]]

    def _ended_runs(self, batch: Sequence[Attempt]) -> Iterator[tuple[Attempt, Schedule | None]]:
        """Yield the attempts that end a run of a schedule, each with that schedule."""
        runs = [
            (one, one.schedule)
            for one in batch
            if one.schedule is not None and one.outcome.refire is None and _is_final(one.outcome.verdict)
        ]
        known = [self._planned_here(one.claim, name) for one, name in runs]
        unknown = [place for place, schedule in enumerate(known) if schedule is None]
        for start in range(0, len(unknown), MAX_PAGE):
            some = unknown[start : start + MAX_PAGE]
            read = self._backend.get_schedules(self._queue, [runs[place][1] for place in some])
            for place, schedule in zip(some, read, strict=True):
                known[place] = schedule
        for (one, _), schedule in zip(runs, known, strict=True):
            yield one, schedule

    def _planned_here(self, claim: Claim, name: str) -> Schedule | None:
        """Return the schedule of a run that this worker has planned itself, without asking the store.

        That the run was armed proves that the store took the plan, and it took the strategy's state with it. Whatever else
        has happened to the schedule since, the store sees when this run's outcome is settled.
        """
        schedule = self._plans.pop(name, None)
        return schedule if schedule is not None and schedule.firing == claim.id else None

    def _remember(self, schedule: Schedule, refire: Refire) -> None:
        firing, run = refire.firing, refire.run
        if firing is None or len(schedule.body) + len(refire.state) > _SMALL:
            return
        if len(self._plans) >= _PLANS:
            self._plans.clear()
        self._plans[schedule.name] = replace(
            schedule,
            state=refire.state,
            interval=run.interval,
            verdict=run.verdict,
            firing=firing.id,
            next_run=firing.due,
        )

    def _follow(self, schedule: Schedule, one: Attempt, now: float) -> Refire | None:
        """Ask a strategy what follows a run; ``None`` where it is not installed."""
        strategy = self._strategies.found(schedule.strategy, schedule.name)
        if strategy is None:
            return None
        seen = _seen(schedule, one, now)
        return refire(schedule, one.claim.id, strategy, seen, _late(one, seen))

    def note_refused(self, one: Attempt, name: str) -> None:
        """Have a run be in the history of its schedule, though the store refuses what follows; raises BackendError."""
        schedule = self._backend.get_schedule(self._queue, name)
        if schedule is not None and schedule.firing == one.claim.id:
            self._note_unplanned(one, schedule, self._backend.now())

    @staticmethod
    def _note_unplanned(one: Attempt, schedule: Schedule, now: float) -> None:
        """Have the run be in the history of its schedule, though nothing is planned after it."""
        seen = _seen(schedule, one, now)
        following = unplanned(schedule, one.claim.id, seen, _late(one, seen))
        one.outcome = replace(one.outcome, refire=following)

    def heal(self) -> bool:
        """Arm the schedules of these routes that have no firing (killed, purged, or not planned); raises BackendError.

        True: there are more than could be done in a moment.
        """
        idle = [one for route in self._routes for one in self._backend.idle_schedules(self._queue, route)]
        # Several workers see the same list.
        random.shuffle(idle)
        end = monotonic() + HEAL_FOR
        for seen in idle:
            if self._strategies.rests.has(key_of(seen)):
                continue
            if monotonic() > end:
                return True
            self._heal(seen)
        return False

    def _heal(self, schedule: Schedule) -> None:
        now, place = self._backend.now(), (schedule.queue, schedule.name)
        about = Asking(schedule.name, schedule.strategy, None)
        (result,) = self._strategies.ask([Call(key_of(schedule), partial(self._skip, schedule, now), about)])
        if result.error is not None:
            self._strategies.complain(schedule, result.error)
            return
        plan: Plan | None = result.value
        if plan is None:
            return
        self._strategies.rests.end(key_of(schedule))
        firing = firing_for(schedule, plan)
        if firing is None:
            self._backend.remove_schedule(*place, schedule.generation)
            return
        try:
            armed = self._backend.arm(*place, schedule.generation, firing, plan.state, over=schedule.firing)
        except PASSING:
            raise
        except BackendError as error:
            # What this strategy plans is refused, such as too large a state: the others are healed all the same.
            self._strategies.complain(schedule, error)
            return
        if armed:
            logger.info(
                "schedule planned again, since it had no next run: schedule=%r queue=%r due=%.3f",
                schedule.name,
                schedule.queue,
                firing.due or now,
            )

    def _skip(self, schedule: Schedule, now: float) -> Plan | None:
        strategy = self._strategies.found(schedule.strategy, schedule.name)
        return None if strategy is None else skipped(schedule, strategy, now)


def _seen(schedule: Schedule, one: Attempt, now: float) -> Observation:
    """Return what a strategy is told of a run."""
    claim, outcome = one.claim, one.outcome
    return Observation(
        now=now,
        # A claim's due time moves when it is put back; and a pause takes the schedule's away.
        due=schedule.next_run if schedule.next_run is not None else claim.due,
        began=outcome.began,
        took=outcome.took,
        verdict=outcome.verdict.value,
        # A worker's death is not a failure of the job.
        attempts=one.number - deaths_of(claim),
        # A firing that comes back has done a part before: it was retried, snoozed, or is a chain.
        whole=claim.attempt_state is None and not claim.deaths,
        interval=schedule.interval,
    )


def _late(one: Attempt, seen: Observation) -> float:
    # A firing that comes back has a due time of its own; the schedule's says nothing of this attempt.
    since = seen.due if seen.whole else one.claim.due
    return 0.0 if seen.began is None else max(seen.began - since, 0.0)


def _is_final(verdict: Verdict) -> bool:
    # Most are complete, and asking an enum takes two calls.
    return verdict is Verdict.COMPLETE or verdict.state.final


def _ended_a_worker(claim: Claim) -> bool:
    """Return whether a worker died under this firing while the strategy was asked what follows it."""
    return bool(claim.deaths) and any(death.cause == STRATEGY for death in read_evidence(claim))

"""Schedules as a worker sees them: what follows a run, and schedules that have nothing armed."""

from __future__ import annotations

import logging
import random
import time

import msgspec

from skunkqueue.errors import BackendError
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import Claim, Outcome, Schedule
from skunkqueue.schedule import Observation, Strategy, find_strategy, firing_for, refire, skipped
from skunkqueue.worker.verdict import deaths_of

logger = logging.getLogger("skunkqueue.worker")

HEAL_FOR = 0.1
"""Seconds that healing takes at a time, for who does it also keeps leases."""
OFFER = 0.1
"""Seconds for which a worker claims nothing after it gave back what it has no strategy for, so that others get it."""
FIRST_DELAY = 0.2
"""Seconds for which a firing that nobody took then is put off."""
LONGEST_DELAY = 5.0
"""The same after it has come back again and again, each time for twice as long."""


class Refires:
    """Works out refires for one worker; strategies are loaded once."""

    def __init__(self, backend: Backend, queue: str, route: str) -> None:
        self._backend = backend
        self._queue = queue
        self._route = route
        self._strategies: dict[str, Strategy] = {}
        self._missing: set[str] = set()
        self._failing: set[tuple[str, int]] = set()
        """Schedules, by name and generation, whose strategy has failed and was told of."""
        self._left: dict[str, tuple[str, float, bool]] = {}
        """By schedule: the firing last left to others, the longest delay it had, and if it was last given none."""
        self._offered = False

    def lacks(self, name: str, strategy: str | None, firing: str) -> bool:
        """Say whether what follows a schedule's firing cannot be planned here, so that it must not run here."""
        if strategy is None or self._strategy(strategy, name) is not None:
            return False
        try:
            schedule = self._backend.get_schedule(self._queue, name)
        except BackendError:
            return True
        # Nothing follows one that was requeued by hand, or whose schedule is gone.
        return schedule is not None and schedule.firing == firing

    def delay_for_others(self, name: str, firing: str) -> float:
        """Say for how long a firing is given back whose schedule's strategy is missing here.

        Nobody can claim it during a delay, and afterwards all are as likely to get it: with many workers that
        lack the strategy, the one that has it would wait for long. So it is first given back without any, and
        this worker then claims nothing for a moment (``pop_offered``), as every other one that lacks it will.
        What nobody took comes back after that, is put off, and is offered again when it is due.
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
        """Say whether a firing was given back without a delay since this was last asked."""
        offered, self._offered = self._offered, False
        return offered

    def attach(self, claim: Claim, outcome: Outcome, name: str, attempts: int, now: float) -> Outcome:
        """Add what follows to the final outcome of a schedule's firing; raises BackendError."""
        if not outcome.verdict.state.final:
            return outcome
        schedule = self._backend.get_schedule(self._queue, name)
        if schedule is None or schedule.firing != claim.id:
            return outcome
        strategy = self._strategy(schedule.strategy, schedule.name)
        if strategy is None:
            return outcome
        seen = Observation(
            now=now,
            # A claim's due time moves when it is put back; and a pause takes the schedule's away.
            due=schedule.next_run if schedule.next_run is not None else claim.due,
            began=outcome.began,
            took=outcome.took,
            verdict=outcome.verdict.value,
            # A worker's death is no failure of the job.
            attempts=attempts - deaths_of(claim),
            # One that comes back has done a part before: it was retried, put off, or a chain is further on.
            whole=claim.carry is None and not claim.deaths,
            interval=schedule.interval,
        )
        try:
            follows = refire(schedule, claim.id, strategy, seen)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything
            # Idle schedules are armed again by whoever sees them, so nothing is lost but the observation.
            self._complain(schedule, error)
            return outcome
        return msgspec.structs.replace(outcome, refire=follows)

    def heal(self) -> bool:
        """Arm the schedules of this route that have no firing (it was killed or purged); raises BackendError.

        True: there are more than could be done in a moment.
        """
        idle = self._backend.idle_schedules(self._queue, self._route)
        # Several workers see the same.
        random.shuffle(idle)
        end = time.monotonic() + HEAL_FOR
        for seen in idle:
            strategy = self._strategy(seen.strategy, seen.name)
            if strategy is None:
                continue
            if time.monotonic() > end:
                return True
            self._heal(seen, strategy)
        return False

    def _heal(self, schedule: Schedule, strategy: Strategy) -> None:
        now, place = self._backend.now(), (schedule.queue, schedule.name)
        try:
            plan = skipped(schedule, strategy, now)
            firing = firing_for(schedule, plan)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - as above
            self._complain(schedule, error)
            return
        if firing is None:
            self._backend.remove_schedule(*place, schedule.generation)
        elif self._backend.arm(*place, schedule.generation, firing, plan.state, over=schedule.firing):
            logger.info("schedule %r had no run planned (killed or purged): the next is", schedule.name)

    def _complain(self, schedule: Schedule, error: BaseException) -> None:
        """Tell of a strategy's failure, once for each declaration."""
        which = (schedule.name, schedule.generation)
        if which in self._failing:
            return
        self._failing.add(which)
        logger.error(
            "the strategy %r of schedule %r fails, so that nothing more is planned: declare it again with another "
            "rule, or `skunq schedule remove %s`",
            schedule.strategy,
            schedule.name,
            schedule.name,
            exc_info=error,
        )

    def _strategy(self, name: str, schedule: str) -> Strategy | None:
        found = self._strategies.get(name)
        if found is None:
            try:
                found = find_strategy(name)
            except Exception as error:  # noqa: BLE001 - a plugin may raise anything
                if name not in self._missing:
                    self._missing.add(name)
                    logger.warning(
                        "firings of schedule %r are left to other workers until this one is restarted "
                        "with its strategy: %s",
                        schedule,
                        error,
                    )
                return None
            self._strategies[name] = found
            self._missing.discard(name)
        return found

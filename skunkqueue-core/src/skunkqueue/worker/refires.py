"""Schedules as a worker sees them: what follows a run, and schedules that have nothing armed."""

from __future__ import annotations

import logging

import msgspec

from skunkqueue.persistence.backend import Backend
from skunkqueue.records import Claim, Outcome
from skunkqueue.schedule import Observation, Strategy, find_strategy, firing_for, refire, skipped

logger = logging.getLogger("skunkqueue.worker")

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
        self._left: dict[str, tuple[str, float, bool]] = {}
        """By schedule: the firing last left to others, the longest delay it had, and if it was last given none."""
        self._offered = False

    def delay_for_others(self, name: str, strategy: str | None, firing: str) -> float | None:
        """Say for how long a firing is given back; ``None``: its schedule's strategy can be had here.

        Nobody can claim it during a delay, and afterwards all are as likely to get it: with many workers that
        lack the strategy, the one that has it would wait for long. So it is first given back without any, and
        this worker then claims nothing for a moment (``pop_offered``), as every other one that lacks it will.
        What nobody took comes back after that, is put off, and is offered again when it is due.
        """
        if strategy is None or self._strategy(strategy, name) is not None:
            return None
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
            attempts=attempts,
            # One that comes back has done a part before: it was retried, put off, or a chain is further on.
            whole=claim.carry is None and not claim.deaths,
            interval=schedule.interval,
        )
        try:
            follows = refire(schedule, claim.id, strategy, seen)
        except Exception:
            # Idle schedules are armed again by whoever sees them, so nothing is lost but the observation.
            logger.exception("the strategy %r of schedule %r failed", schedule.strategy, name)
            return outcome
        return msgspec.structs.replace(outcome, refire=follows)

    def heal(self) -> None:
        """Arm the schedules of this route that have no firing (it was killed or purged); raises BackendError."""
        for schedule in self._backend.idle_schedules(self._queue, self._route):
            strategy = self._strategy(schedule.strategy, schedule.name)
            if strategy is None:
                continue
            try:
                plan = skipped(schedule, strategy, self._backend.now())
            except Exception:
                logger.exception("the strategy %r of schedule %r failed", schedule.strategy, schedule.name)
                continue
            firing = firing_for(schedule, plan)
            if firing is None:
                self._backend.remove_schedule(schedule.queue, schedule.name)
            elif self._backend.arm(schedule.queue, schedule.name, schedule.generation, firing):
                logger.info("schedule %r had nothing armed: it runs again", schedule.name)

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

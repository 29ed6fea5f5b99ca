"""Schedules as a worker sees them: what follows a run, and schedules that have nothing armed."""

from __future__ import annotations

import logging

import msgspec

from skunkqueue.errors import BackendError
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import Claim, Outcome, Schedule, Verdict
from skunkqueue.schedule import Observation, Strategy, find_strategy, firing_for, refire

logger = logging.getLogger("skunkqueue.worker")

MISSING_DELAY = 5.0
"""Seconds for which a firing is left to other workers where this one lacks its schedule's strategy."""


class Refires:
    """Works out refires for one worker; strategies are loaded once."""

    def __init__(self, backend: Backend, queue: str, route: str) -> None:
        self._backend = backend
        self._queue = queue
        self._route = route
        self._strategies: dict[str, Strategy] = {}
        self._missing: set[str] = set()

    def lacks_strategy(self, name: str) -> bool:
        """Say whether a schedule's strategy cannot be had here, so that its firings must not run here."""
        try:
            schedule = self._backend.get_schedule(self._queue, name)
        except BackendError:
            # Asked again when it settles; a missing strategy then only costs this one run its refire.
            return False
        return schedule is not None and self._strategy(schedule) is None

    def attach(self, claim: Claim, outcome: Outcome, name: str, attempts: int, now: float) -> Outcome:
        """Add what follows to the final outcome of a schedule's firing; raises BackendError."""
        if not outcome.verdict.state.final:
            return outcome
        schedule = self._backend.get_schedule(self._queue, name)
        if schedule is None or schedule.firing != claim.id:
            return outcome
        strategy = self._strategy(schedule)
        if strategy is None:
            return outcome
        seen = Observation(
            now=now,
            due=claim.due,
            began=outcome.began,
            took=outcome.took,
            verdict=outcome.verdict.value,
            attempts=attempts,
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
            strategy = self._strategy(schedule)
            if strategy is None:
                continue
            now = self._backend.now()
            seen = Observation(
                now=now,
                due=schedule.next_run if schedule.next_run is not None else now,
                began=None,
                took=0.0,
                verdict=Verdict.KILLED.value,
                attempts=0,
                interval=schedule.interval,
            )
            try:
                plan = strategy.after(schedule.params, schedule.state, seen)
            except Exception:
                logger.exception("the strategy %r of schedule %r failed", schedule.strategy, schedule.name)
                continue
            firing = firing_for(schedule, plan)
            if firing is None:
                self._backend.remove_schedule(schedule.queue, schedule.name)
            elif self._backend.arm(schedule.queue, schedule.name, schedule.generation, firing):
                logger.info("schedule %r had nothing armed: it runs again", schedule.name)

    def _strategy(self, schedule: Schedule) -> Strategy | None:
        name = schedule.strategy
        found = self._strategies.get(name)
        if found is None:
            try:
                found = find_strategy(name)
            except Exception as error:  # noqa: BLE001 - a plugin may raise anything
                if name not in self._missing:
                    self._missing.add(name)
                    logger.warning(
                        "firings of schedule %r are left to other workers: %s", schedule.name, error
                    )
                return None
            self._strategies[name] = found
            self._missing.discard(name)
        return found

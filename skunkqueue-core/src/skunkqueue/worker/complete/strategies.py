"""Loads the strategies of schedules and calls them: plugins, on threads of their own, for a limited time.

The scoreboard shows which one is called. One that hung, or has ended a worker, is not called for a while. Plans nothing.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from skunkqueue.clock import monotonic
from skunkqueue.errors import PluginTimeoutError
from skunkqueue.plugins import STRATEGIES, calls, registry
from skunkqueue.plugins.calls import Call, Caller, Rests, Result
from skunkqueue.plugins.requirements import explain
from skunkqueue.processes.log_values import duration
from skunkqueue.processes.scoreboard import KILL_PLUGIN_AFTER, NO_CLAIM, STRATEGY, PluginCall
from skunkqueue.records import Claim, ClaimRef, Schedule
from skunkqueue.schedule import Strategy, find_strategy
from skunkqueue.worker.in_flight import Planning
from skunkqueue.worker.services import Services

logger = logging.getLogger("skunkqueue.worker")

LEAST_LIMIT = 1.0
"""Seconds that a strategy has at least, however short the lease is."""


class Asking(NamedTuple):
    """About whom a strategy is asked."""

    schedule: str
    strategy: str
    claim: Claim | None


class Strategies:
    """Those of one worker; each is loaded once."""

    def __init__(self, services: Services) -> None:
        settings = services.settings
        self._in_flight = services.in_flight
        self._scoreboard = services.scoreboard
        self.rests = Rests(settings.resting)
        """Schedules whose strategies hung, or ended workers, a short while ago: they are not asked."""
        # The maintenance thread asks too, and must get back to its leases.
        self._limit = max(min(calls.LIMIT, settings.lease / 3), LEAST_LIMIT)
        # One for the main thread and one for maintenance, so that neither waits for what the other has asked.
        self._callers = [self._caller(place) for place in (0, 1)]
        self._loaded: dict[str, Strategy] = {}
        self._missing: set[str] = set()
        self._failing: set[str] = set()
        """Schedules whose strategy has failed, and whose failure is in the log."""

    def close(self) -> None:
        """End the threads."""
        for caller in self._callers:
            caller.close()

    def has(self, strategy: str | None) -> bool:
        """Return whether a strategy is loaded."""
        return strategy in self._loaded

    def ask(self, calls: Sequence[Call], patience: float = math.inf) -> list[Result]:
        """Make calls of strategies; each is about an ``Asking``, and may take as long as the limit.

        No other call is begun after ``patience`` seconds; the results of those are missing at the end.
        """
        if not calls:
            return []
        maintenance = threading.current_thread() is not threading.main_thread()
        caller = self._callers[maintenance]
        if patience == math.inf:
            return caller.call_each(calls)
        end, results = monotonic() + patience, list[Result]()
        for call in calls:
            results += caller.call_each([call])
            if monotonic() >= end:
                break
        return results

    def complain(self, schedule: Schedule, error: BaseException) -> None:
        """Log a strategy's failure: of what it raises or plans once for each declaration, of a hang each time."""
        key = key_of(schedule)
        if isinstance(error, PluginTimeoutError):
            again = f"again in {duration(self.rests.begin(key))}"
        elif key in self._failing:
            return
        else:
            again = "again by every sweep"
        self._failing.add(key)
        logger.error(
            "strategy failed: schedule=%r strategy=%r distribution=%r reason=%r: nothing more is planned for now, it "
            "is asked %s; declare the schedule with another rule, or `skunq schedule remove %s`",
            schedule.name,
            schedule.strategy,
            registry.origin(STRATEGIES, schedule.strategy),
            explain(error),
            again,
            schedule.name,
            exc_info=None if isinstance(error, PluginTimeoutError) else error,
        )

    def load(self, name: str, schedule: str, claim: Claim) -> Strategy | None:
        """Load a strategy in the main thread; ``None`` where it is missing, broken, or does not load in time."""
        key = f"strategy {name}"
        if self.rests.has(key):
            return None
        about = Asking(schedule, name, claim)
        (result,) = self.ask([Call(key, lambda: self.found(name, schedule), about)])
        if result.error is None:
            strategy: Strategy | None = result.value
            return strategy
        self.rests.begin(key)
        self._tell_missing(name, schedule, result.error)
        return None

    def found(self, name: str, schedule: str) -> Strategy | None:
        """Find a strategy; called on the strategies' own thread."""
        found = self._loaded.get(name)
        if found is None:
            try:
                found = find_strategy(name)
            except Exception as error:  # noqa: BLE001 - a plugin may raise anything
                self._tell_missing(name, schedule, error)
                return None
            self._loaded[name] = found
            self._missing.discard(name)
        return found

    def _tell_missing(self, name: str, schedule: str, error: BaseException) -> None:
        if name not in self._missing:
            self._missing.add(name)
            logger.warning(
                "firings of schedule %r are left to other workers until this one is restarted with its strategy: %s",
                schedule,
                error,
            )

    def _caller(self, place: int) -> Caller:
        return Caller(
            "skunkqueue-strategy",
            self._limit,
            enter=partial(self._enter, place),
            leave=partial(self._leave, place),
        )

    def _enter(self, place: int, call: Call) -> None:
        """Show that a strategy is asked: on the scoreboard for the pool, and as the worker's current firing in listings."""
        about: Asking = call.about
        ref = NO_CLAIM if about.claim is None else ClaimRef(about.claim.id, about.claim.token)
        deadline = monotonic() + self._limit + KILL_PLUGIN_AFTER
        words = (STRATEGY, call.key, about.strategy, about.schedule)
        self._scoreboard.call_plugin(place, PluginCall(ref, deadline, words))
        if place == 0 and about.claim is not None:
            self._in_flight.planning = Planning(about.claim, self._in_flight.monotonic())

    def _leave(self, place: int) -> None:
        self._scoreboard.end_plugin_call(place)
        if place == 0:
            self._in_flight.planning = None


def key_of(schedule: Schedule) -> str:
    """Return the key of a schedule's strategy; with the generation, so that one that is declared anew is asked at once."""
    return f"schedule {schedule.generation} {schedule.name}"

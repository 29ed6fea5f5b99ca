"""What strategies say about their schedules: the rule in words, and the runs to come.

A strategy is code of a plugin and is called under a time limit. One that does not return is not called for a while,
so that a page waits for it once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import msgspec
from flask import current_app

from skunkqueue.cli.text import cut
from skunkqueue.errors import PluginError, PluginTimeoutError
from skunkqueue.plugins import STRATEGIES, registry
from skunkqueue.plugins.calls import Rests
from skunkqueue.plugins.requirements import LOAD_FAILURES, explain
from skunkqueue.records import Schedule
from skunkqueue.schedule import ask, describe, find_strategy, foresee

T = TypeVar("T")
KEY = "skunkqueue.rules"
LIMIT = 1.0
"""Seconds that a strategy has for one answer."""
TICKS = 5
_LONGEST = 300
"""Characters of a rule; and bytes of one whose words are remembered."""
_REMEMBERED = 2_000
"""Rules whose words are remembered."""


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """A run to come."""

    due: float
    after: float | None
    """Seconds since the one before; ``None``: it is the first."""


class Ticks(msgspec.Struct, frozen=True, kw_only=True):
    """Runs to come."""

    ticks: tuple[Tick, ...] = ()
    ends: bool = False
    """Whether, by its rule, no run follows the last of them."""
    problem: str | None = None
    """Why its strategy gives no more runs."""


class Rules:
    """Calls strategies, for one app."""

    def __init__(self, limit: float = LIMIT) -> None:
        """``limit``: seconds for one answer."""
        self._limit = limit
        self._rests = Rests()
        self._words: dict[tuple[str, bytes], str] = {}

    def words(self, schedule: Schedule) -> str:
        """Return a rule in a few words; empty where its strategy is not installed or fails.

        The words depend on the rule alone, so each is asked for once: a call is made on a thread of its own.
        """
        rule = schedule.strategy, schedule.params
        known = self._words.get(rule)
        if known is not None:
            return known
        if not registry.origins(STRATEGIES, schedule.strategy):
            return ""

        def tell() -> str:
            return describe(find_strategy(schedule.strategy), schedule.params)

        try:
            found = cut(self._ask(schedule.strategy, tell), _LONGEST)
        except LOAD_FAILURES:
            return ""
        if len(schedule.params) <= _LONGEST:
            if len(self._words) >= _REMEMBERED:
                self._words.clear()
            self._words[rule] = found
        return found

    def problem(self, schedule: Schedule) -> str | None:
        """Return why the strategy of a schedule cannot be used here; ``None``: it can."""
        try:
            self._ask(schedule.strategy, lambda: find_strategy(schedule.strategy))
        except PluginError as error:
            return str(error)
        except LOAD_FAILURES as error:
            return explain(error)
        return None

    def ticks(self, schedule: Schedule, due: float | None, began: float | None, now: float) -> Ticks:
        """Foresee the next runs; ``due``: of the run that waits, ``began``: of the one that runs, or ``None``."""
        begins = began if began is not None else max(due if due is not None else now, now)
        waits = began is None and due is not None
        first = (Tick(due=due, after=None),) if waits and due is not None else ()

        def plan() -> list[float | None]:
            strategy = find_strategy(schedule.strategy)
            return [each.due for each in foresee(schedule, strategy, begins, TICKS - len(first))]

        try:
            planned = self._ask(schedule.strategy, plan)
        except PluginError as error:
            return Ticks(ticks=first, problem=str(error))
        except LOAD_FAILURES as error:
            return Ticks(ticks=first, problem=explain(error))
        ticks = list(first)
        for moment in planned:
            if moment is None:
                return Ticks(ticks=tuple(ticks), ends=True)
            ticks.append(Tick(due=moment, after=moment - ticks[-1].due if ticks else None))
        return Ticks(ticks=tuple(ticks))

    def _ask(self, name: str, function: Callable[[], T]) -> T:
        if self._rests.has(name):
            msg = f"the strategy {name!r} did not return a while ago, and is not called now: update or remove it"
            raise PluginTimeoutError(msg)
        try:
            answer = ask(name, function, self._limit)
        except PluginTimeoutError:
            self._rests.begin(name)
            raise
        self._rests.end(name)
        return answer


def rules() -> Rules:
    """Return the rules of the app that serves this request."""
    return cast("Rules", current_app.extensions[KEY])

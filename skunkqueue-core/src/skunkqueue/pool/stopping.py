"""Stops a pool: gently, roughly, and by force where a worker does not end within its time.

A rough order makes a gentle stop rough; a second rough one, or the end of the grace, kills. ``supervisor`` and ``commands`` say when.
"""

from __future__ import annotations

import logging

from skunkqueue.clock import monotonic
from skunkqueue.pool.child_process import ChildProcess
from skunkqueue.pool.crew import Crew
from skunkqueue.processes.control_pipe import GENTLE, GIVE_BACK, ROUGH
from skunkqueue.processes.log_values import duration
from skunkqueue.processes.scoreboard import GIVE_BACK as GIVE_BACK_CAUSE
from skunkqueue.processes.settings import PoolSettings

logger = logging.getLogger("skunkqueue.pool")


class Stopping:
    """For one pool; used by its main thread alone."""

    def __init__(self, crew: Crew, settings: PoolSettings) -> None:
        self._crew = crew
        self._stop_timeout = settings.stop_timeout
        self._grace = settings.grace
        self._kill_at = self._give_back_at = float("inf")
        self.was_rough = False

    def stop(self, order: bytes, why: str) -> None:
        """Begin to stop, or stop more roughly than before; ``why``: who says so."""
        crew = self._crew
        if order == GENTLE:
            if not crew.order:
                logger.info("%s: stopping gently, current jobs are ended first", why)
                crew.tell_all(GENTLE)
                if self._stop_timeout is not None:
                    self._give_back_at = monotonic() + self._stop_timeout
        elif crew.order != ROUGH:
            logger.info("%s: stopping roughly, current jobs are interrupted", why)
            self.was_rough = True
            self._give_back_at = float("inf")
            self._kill_at = monotonic() + self._grace
            crew.tell_all(ROUGH)
        else:
            logger.info("%s again: killing the workers", why)
            self._kill_all("the pool was told twice to stop roughly")

    def look(self, now: float) -> None:
        """Do what is due: have jobs given back whose workers should have ended, and kill workers whose grace is over."""
        if now >= self._give_back_at:
            self._give_back(now)
        if now >= self._kill_at:
            logger.info("the grace of %s is over: killing the workers", duration(self._grace))
            self._kill_all("its job did not end when it was interrupted")
        for child in self._crew.give_back(now):
            limit = self._limit()
            logger.info(
                "the stop time-out of %s is over: jobs of %s are interrupted and given back", limit, child
            )
        for child in self._crew.overdue(now):
            _kill(child, "its job did not end when it was interrupted")

    def next_limit(self, now: float) -> float:
        """Return in how many seconds there is something to do."""
        return min(self._kill_at - now, self._give_back_at - now, self._crew.next_limit())

    def _give_back(self, now: float) -> None:
        self._give_back_at = float("inf")
        self._kill_at = now + self._grace
        limit = self._limit()
        logger.info("the stop time-out of %s is over: current jobs are interrupted and given back", limit)
        self._crew.tell_all(GIVE_BACK)

    def _limit(self) -> str:
        return duration(self._stop_timeout or 0.0)

    def _kill_all(self, word: str) -> None:
        self._kill_at = float("inf")
        for child in self._crew.children():
            _kill(child, word)


def _kill(child: ChildProcess, word: str) -> None:
    child.kill_at = child.ready_by = float("inf")
    if child.scoreboard.is_ready:
        logger.info("%s is killed: %s", child, word)
        # One may have been told to end roughly in a pool that gives back.
        child.kill(child.kill_cause, ())
    else:
        logger.info("%s is killed: it was told to end, and does not get ready", child)
        # It holds nothing that could be at fault.
        child.kill(GIVE_BACK_CAUSE, ())

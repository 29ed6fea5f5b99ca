"""Starts workers: one for each slot, another where one has ended, later each time where they die at once.

Decides only whether and when. ``starter`` makes the processes, and ``reaper`` gives back what a dead worker held.
"""

from __future__ import annotations

import logging

from skunkqueue.clock import monotonic
from skunkqueue.pool.child_process import ChildProcess, End
from skunkqueue.pool.crew import Crew
from skunkqueue.pool.plugin_deaths import PluginDeaths
from skunkqueue.pool.slot import Slot
from skunkqueue.pool.starter import Starter, StartFailures, explain
from skunkqueue.processes.exit_codes import EXIT_FAULT, EXIT_OK, EXIT_SETTINGS, EXIT_STORE, Ending
from skunkqueue.processes.log_values import duration
from skunkqueue.processes.settings import named

logger = logging.getLogger("skunkqueue.pool")

_LOOK_AGAIN = 1.0
"""Seconds until the next look at what keeps workers from starting; to look costs next to nothing."""
_BURST_TRIES = 3
_OBSTACLES = {Ending.NO_STORE: EXIT_STORE, Ending.NO_CODE: EXIT_FAULT, Ending.FAULT: EXIT_FAULT}
"""Why a worker could not start, where that may pass; and the exit code of a burst that waits in vain."""
_REFUSALS = {Ending.REFUSED_SETTINGS: EXIT_SETTINGS, Ending.REFUSED_STORE: EXIT_STORE}
"""Why a worker could not start, where that does not pass by itself."""


class Respawn:
    """For one pool; used by its main thread alone."""

    def __init__(self, crew: Crew, starter: Starter, plugins: PluginDeaths, *, burst: bool) -> None:
        self._crew = crew
        self._starter = starter
        self._plugins = plugins
        self._burst = burst
        self._failures = StartFailures()
        self._was_ready = False
        self.exit_code = EXIT_OK
        """Of a pool none of whose workers can start."""

    def start(self, routes: tuple[str, ...]) -> ChildProcess:
        """Start a worker; raises OSError and MemoryError."""
        child = self._starter.start(
            routes,
            resting=self._plugins.left(),
            quiet=bool(self._failures),
            holds=self._crew.is_quiet,
        )
        logger.debug("%s is started", child)
        return child

    def fill(self) -> None:
        """Start a worker in each slot that is due."""
        now = monotonic()
        for slot in self._crew.slots:
            if not slot.is_due(now):
                continue
            obstacle = self._starter.obstacle()
            if obstacle is not None:
                self._cannot_start(slot, obstacle, obstacle)
                slot.due = min(slot.due, now + _LOOK_AGAIN)
                continue
            try:
                slot.take(self.start(slot.routes))
            except (OSError, MemoryError) as error:
                why = explain(error)
                self._cannot_start(slot, why, why)

    def ended(self, slot: Slot, child: ChildProcess, end: End, *, is_ordered: bool) -> None:
        """Decide what becomes of the slot of a worker that has ended; ``is_ordered``: it was told to end."""
        if child.scoreboard.is_ready:
            self._note_ready()
        if child.scoreboard.settled:
            slot.futile = 0
        slot.why = child.scoreboard.word or str(end)
        if is_ordered:
            slot.close()
        elif end.ending in _REFUSALS:
            self._refused(slot, child, end)
        elif end.ending in _OBSTACLES:
            self._cannot_start(slot, end.ending, child.scoreboard.word, _OBSTACLES[end.ending])
        elif not (child.scoreboard.is_ready or end.ending):
            self._back_off(slot, EXIT_FAULT)
        elif end.ending in (Ending.FINISHED, Ending.DISMISSED):
            logger.debug("%s has ended: %s", child, end.ending.name.lower())
            slot.close()
        elif end.ending in (Ending.RECYCLED, Ending.STOPPED):
            logger.info("%s is replaced: %s", child, child.scoreboard.word or end.ending.name.lower())
            slot.due = 0.0
        else:
            if end.ending is Ending.DISCONNECTED:
                logger.error("%s has ended: %s (%s)", child, child.scoreboard.word, end)
            self._back_off(slot)

    def look(self) -> None:
        """Notice workers that are ready."""
        children = self._crew.children()
        if not self._was_ready and any(child.scoreboard.is_ready for child in children):
            self._note_ready()
        if self._failures:
            for child in children:
                self._failures.end_with(child)

    def _refused(self, slot: Slot, child: ChildProcess, end: End) -> None:
        """Give up a slot whose worker could not start for what does not pass; where others could, try again later."""
        why = child.scoreboard.word
        if not self._was_ready and not any(one.scoreboard.is_ready for one in self._crew.children()):
            slot.closed = slot.refused = True
            if all(other.closed for other in self._crew.slots):
                logger.error("no worker can start: %s", why)
                self.exit_code = _REFUSALS[end.ending]
            return
        self._cannot_start(slot, end.ending, why, _REFUSALS[end.ending])

    def _cannot_start(self, slot: Slot, kind: object, why: str, code: int = EXIT_FAULT) -> None:
        """Try a slot again later whose worker could not start for what may pass."""
        slot.why = why
        is_news = self._failures.tell(kind, slot.routes, why)
        self._back_off(slot, code, quiet=not is_news)

    def _note_ready(self) -> None:
        if self._was_ready:
            return
        self._was_ready = True
        for slot in self._crew.slots:
            if slot.refused:
                # What one worker could do, another can: what kept it from starting has passed, or will.
                slot.closed = slot.refused = False
                self._back_off(slot)

    def _back_off(self, slot: Slot, code: int | None = None, *, quiet: bool = False) -> None:
        """Fill a slot later; a burst gives it up after some workers that never were ready, with that exit code."""
        wait = slot.back_off()
        if code is not None and self._burst and slot.futile >= _BURST_TRIES:
            slot.closed = True
            if not self._was_ready and all(other.closed for other in self._crew.slots):
                logger.error("no worker can start, and a burst does not wait: giving up")
                self.exit_code = code
        elif wait and not quiet:
            logger.info("the next worker of %s is started in %s", named(slot.routes), duration(wait))

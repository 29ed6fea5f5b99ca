"""Plugins that end workers, as the pool sees them: named in the log, and not called again for a while.

Read from the board of a dead worker. New workers are told whom to leave alone; those that run already find out
by themselves.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from skunkqueue.clock import monotonic
from skunkqueue.plugins import HOOKS, STRATEGIES, registry
from skunkqueue.plugins.calls import Rests
from skunkqueue.worker.board import STRATEGY, PluginCall
from skunkqueue.worker.logs import duration

logger = logging.getLogger("skunkqueue.pool")


class PluginDeaths:
    """For one pool."""

    def __init__(self) -> None:
        self._rests = Rests()

    def left(self) -> dict[str, float]:
        """Return who is to be left alone, and for how many seconds more."""
        return self._rests.left()

    def blame(self, calls: Sequence[PluginCall], how: str) -> list[str]:
        """Note the plugins whose code ran when a worker ended; return the firings that they ran for."""
        # One that had to be killed was killed for those that are over their time.
        late = [call for call in calls if call.deadline <= monotonic()]
        blamed = late or list(calls)
        for call in blamed:
            kind, key, name, where = (*call.words, "?", "?", "?", "?")[:4]
            rest = duration(self._rests.begin(key))
            reason = (
                f"it did not return, so its worker was killed: {how}" if late else f"its worker died: {how}"
            )
            if kind == STRATEGY:
                logger.error(
                    "strategy failed: schedule=%r strategy=%r distribution=%r reason=%r: nothing more is planned "
                    "for now, it is asked again in %s",
                    where,
                    name,
                    registry.origin(STRATEGIES, name),
                    reason,
                    rest,
                )
            else:
                logger.error(
                    "hook failed: plugin=%r distribution=%r hook=%r reason=%r: it is called again in %s",
                    name,
                    registry.origin(HOOKS, name),
                    where,
                    reason,
                    rest,
                )
        return [call.ref.id for call in blamed if call.ref.id]

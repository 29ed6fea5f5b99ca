"""Names plugins that end workers in the log, and has them not called again for a while.

The scoreboard of a dead worker shows whose code ran. New workers are told which plugins to leave out; those that run already find
out by themselves.
"""

from __future__ import annotations

import logging
import signal
from collections import deque
from collections.abc import Sequence

from skunkqueue.clock import monotonic
from skunkqueue.plugins import HOOKS, STRATEGIES, registry
from skunkqueue.plugins.calls import Rests
from skunkqueue.pool.child_process import End
from skunkqueue.processes.log_values import duration
from skunkqueue.processes.scoreboard import STRATEGY, PluginCall

logger = logging.getLogger("skunkqueue.pool")

_DOUBTS = 100


class PluginDeaths:
    """For one pool."""

    def __init__(self) -> None:
        self._rests = Rests()
        self._doubts: deque[tuple[str, str]] = deque(maxlen=_DOUBTS)
        """Whose code ran, and for which firing, when somebody killed a worker."""

    def left(self) -> dict[str, float]:
        """Return which plugins are not called, and for how many seconds more."""
        return self._rests.left()

    def is_unproven(self, calls: Sequence[PluginCall], end: End) -> bool:
        """Return whether a worker's end says nothing yet against the plugins whose code ran at that moment.

        A SIGKILL comes from outside, from a person or from a kernel that lacks memory. Only when it comes again under
        the same call is the plugin taken to be the cause.
        """
        if end.signal != signal.SIGKILL:
            return False
        keys = [(call.words[1] if len(call.words) > 1 else "?", call.ref.id) for call in calls]
        is_first = not any(key in self._doubts for key in keys)
        self._doubts.extend(keys)
        return is_first

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

"""Calls hook plugins on a thread of their own, under a time limit. For workers and pools.

So a hook that hangs delays the worker no longer than that, and none of its time counts for a job. The main thread waits until
what it tells has been heard; other threads have leases to keep, and go on. The scoreboard says which plugin is called, so
that the pool can name it if the process ends.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from functools import partial

from skunkqueue.clock import monotonic
from skunkqueue.plugins import calls
from skunkqueue.plugins.calls import Call, Caller, Rests
from skunkqueue.plugins.notify import Notifier, key_of
from skunkqueue.processes.scoreboard import HOOKS_PLACE, KILL_PLUGIN_AFTER, NO_CLAIM, PluginCall, Scoreboard

_FIRED = "skunkqueue_firing_enqueued"
"""Jobs cause it, in their own time, so no thread waits for it."""


class TimedNotifier(Notifier):
    """The hook plugins of a worker or a pool."""

    def __init__(self, scoreboard: Scoreboard | None = None, rests: Rests | None = None) -> None:
        super().__init__(rests)
        self._scoreboard = scoreboard
        self._limit = calls.LIMIT
        self._behind = False
        """A call is under way that no thread waits for."""
        self._caller = Caller(
            "skunkqueue-hooks",
            self._limit,
            enter=None if scoreboard is None else self._enter,
            leave=None if scoreboard is None else self._leave,
            given_up=lambda call: self._give_up(call.about),
        )

    def tell_all(self, hook_name: str, occasions: Iterable[Mapping[str, object]]) -> None:
        """Call one hook for each of several sets of arguments, of all plugins."""
        told = [
            Call(key_of(name), partial(self._call, name, hook_name, caller, arguments), (name, hook_name))
            for arguments in occasions
            for name, caller in self._callers.get(hook_name, ())
            if not self._rests.has(key_of(name))
        ]
        if not told:
            return
        batch = self._caller.hand_over(told)
        if hook_name != _FIRED and threading.current_thread() is threading.main_thread():
            self._caller.wait_for(batch)
        else:
            self._behind = True

    def catch_up(self) -> None:
        """Wait for the calls that other threads have caused and that are not over yet; main thread only."""
        if self._behind:
            self._behind = False
            self._caller.call_each([])

    def watch(self) -> None:
        """Give up a call that does not return, where no thread waits for it; called now and then."""
        self._caller.watch()

    def called(self) -> tuple[str, str] | None:
        """Return the plugin and the hook that are called now."""
        call = self._caller.current()
        return None if call is None else call.about

    def close(self) -> None:
        """End the thread."""
        self._caller.close()

    def _enter(self, call: Call) -> None:
        if self._scoreboard is not None:
            name, hook_name = call.about
            deadline = monotonic() + self._limit + KILL_PLUGIN_AFTER
            self._scoreboard.call_plugin(
                HOOKS_PLACE, PluginCall(NO_CLAIM, deadline, ("hook", call.key, name, hook_name))
            )

    def _leave(self) -> None:
        if self._scoreboard is not None:
            self._scoreboard.end_plugin_call(HOOKS_PLACE)

"""Call the hooks of every plugin, each plugin on its own.

A plugin that cannot be loaded, that raises or that hangs is named in the log, and harms neither the firing nor
other plugins. pluggy's own entry-point loader and its plain call guarantee neither, hence this module.

Here hooks are called in the thread that caused the call, as suits a producer. A worker and a pool call them on a
thread of their own (``worker.hooks``).
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pluggy

from skunkqueue.errors import PluginTimeoutError
from skunkqueue.plugins import HOOKS, PROJECT, calls, hookspecs, registry
from skunkqueue.plugins.calls import Rests
from skunkqueue.plugins.overdue import Overdue
from skunkqueue.plugins.requirements import LOAD_FAILURES, explain, hook_mistake, hook_names

logger = logging.getLogger("skunkqueue.plugins")

PATIENCE = 3
"""How often in a row a plugin may raise before it is not called for a while."""
_OWN_EXITS = (*LOAD_FAILURES, KeyboardInterrupt, GeneratorExit)


class Notifier:
    """The hook plugins of this process; threads may share it."""

    def __init__(self, rests: Rests | None = None) -> None:
        """``rests``: plugins that hung, or ended a process, a short while ago."""
        self.problems: dict[str, str] = {}
        """Plugins that were left out, and why."""
        self._plugins = pluggy.PluginManager(PROJECT)
        self._plugins.add_hookspecs(hookspecs)
        self._callers: dict[str, list[tuple[str, pluggy.HookCaller]]] = {}
        self._rests = Rests() if rests is None else rests
        self._raised: dict[str, int] = {}
        """How often plugins have raised since they last did not."""
        self._overdue = Overdue(calls.LIMIT, self._give_up)

    @classmethod
    def load(cls) -> Notifier:
        """Load all plugins of the group ``skunkqueue.hooks``; broken ones are left out and logged."""
        notifier = cls()
        notifier.add_installed()
        return notifier

    def add_installed(self) -> None:
        """Add all plugins of the group ``skunkqueue.hooks``; broken ones are left out and logged."""
        for loaded in registry.load_each(HOOKS):
            if loaded.plugin is None:
                self._leave_out(loaded.info.name, loaded.info.problem or "nothing there")
            else:
                self.add(loaded.plugin, loaded.info.name)

    def add(self, plugin: object, name: str) -> bool:
        """Add a module or object with hooks; False where it was left out (see ``problems``)."""
        try:
            self._plugins.register(plugin, name)
            self._plugins.check_pending()
        except LOAD_FAILURES as error:
            self._leave_out(name, hook_mistake(error))
            if self._plugins.get_plugin(name) is plugin:
                self._plugins.unregister(name=name)
            return False
        self._arrange()
        return True

    def wants(self, hook_name: str) -> bool:
        """Return whether a plugin implements this hook; costs one dictionary look-up."""
        return hook_name in self._callers

    def callers(self, hook_name: str) -> list[tuple[str, Callable[..., object]]]:
        """List the plugins that implement a hook, by name, for a caller that needs what each returns."""
        return list(self._callers.get(hook_name, ()))

    def tell(self, hook_name: str, **arguments: object) -> None:
        """Call one hook of all plugins; all its specified arguments must be given."""
        if hook_name in self._callers:
            self.tell_all(hook_name, [arguments])

    def tell_each(self, hook_name: str, argument: str, things: Iterable[object], **others: object) -> None:
        """Call one hook for each of several things; costs one look-up where no plugin implements it."""
        if hook_name in self._callers:
            self.tell_all(hook_name, [{argument: thing, **others} for thing in things])

    def tell_all(self, hook_name: str, occasions: Iterable[Mapping[str, object]]) -> None:
        """Call one hook for each of several sets of arguments, of all plugins."""
        for arguments in occasions:
            for name, caller in self._callers.get(hook_name, ()):
                with self._overdue.watched((name, hook_name)):
                    self._call(name, hook_name, caller, arguments, LOAD_FAILURES)

    def catch_up(self) -> None:
        """Wait for the calls of hooks that were submitted and not made yet."""

    def watch(self) -> None:
        """Give up a call that does not return, where no caller waits for it; called now and then."""

    def close(self) -> None:
        """End the thread that calls plugins."""

    def _call(
        self,
        name: str,
        hook_name: str,
        caller: Callable[..., object],
        arguments: Mapping[str, Any],
        failures: tuple[type[BaseException], ...] = _OWN_EXITS,
    ) -> None:
        """Call a plugin, unless it is not to be called now; exceptions in ``failures`` are logged and not raised."""
        key = key_of(name)
        if self._rests.has(key):
            return
        try:
            caller(**arguments)
        except failures as error:
            self._complain(name, hook_name, error)
        else:
            if self._raised:
                self._raised.pop(name, None)
            self._rests.end(key)

    def _give_up(self, which: tuple[str, str]) -> None:
        name, hook_name = which
        self._complain(name, hook_name, PluginTimeoutError(f"it did not return within {calls.LIMIT:g} s"))

    def _complain(self, name: str, hook_name: str, error: BaseException) -> None:
        """Log a plugin's failure; after a hang, and after several in a row, it is not called for a while."""
        hung = isinstance(error, PluginTimeoutError)
        count = self._raised[name] = self._raised.get(name, 0) + 1
        again = "it is ignored"
        if hung or count >= PATIENCE:
            self._raised.pop(name, None)
            again = f"it is called again in {self._rests.begin(key_of(name)):.0f} s"
        logger.error(
            "hook failed: plugin=%r distribution=%r hook=%r reason=%r: %s",
            name,
            registry.origin(HOOKS, name),
            hook_name,
            explain(error),
            again,
            exc_info=None if hung else error,
        )

    def _leave_out(self, name: str, problem: str) -> None:
        self.problems[name] = problem
        logger.warning("hook plugin %r is left out: %s", name, problem)

    def _arrange(self) -> None:
        everybody = self._plugins.list_name_plugin()
        callers: dict[str, list[tuple[str, pluggy.HookCaller]]] = {}
        for hook_name in hook_names():
            implementing = {
                impl.plugin_name for impl in getattr(self._plugins.hook, hook_name).get_hookimpls()
            }
            for name, plugin in everybody:
                if name in implementing:
                    others = [other for _, other in everybody if other is not plugin]
                    caller = self._plugins.subset_hook_caller(hook_name, others)
                    callers.setdefault(hook_name, []).append((name, caller))
        self._callers = callers


def key_of(name: str) -> str:
    """Return the key of a plugin that is not called for a while."""
    return f"hook {name}"


class _Default:
    """The notifier of this process."""

    notifier: Notifier | None = None


@functools.cache
def _default() -> _Default:
    return _Default()


def use(notifier: Notifier) -> None:
    """Set the notifier of this process, which also calls the hooks for what jobs fire."""
    _default().notifier = notifier


def default_notifier() -> Notifier:
    """Return the hook plugins of this process; they are loaded when a hook is first called."""
    default = _default()
    if default.notifier is None:
        default.notifier = Notifier.load()
    return default.notifier

"""Tell every hook plugin what happened, each on its own.

A plugin that cannot be loaded or that raises is logged and harms nobody: not the firing, not the other
plugins. pluggy's own entry-point loader and its plain call give neither, hence this module.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

import pluggy

from skunkqueue.plugins import HOOKS, PROJECT, hookspecs
from skunkqueue.plugins.registry import load_each
from skunkqueue.plugins.requirements import LOAD_FAILURES, hook_mistake, hook_names

logger = logging.getLogger("skunkqueue.plugins")


class Notifier:
    """The hook plugins of this process. Made once, then only read, so threads may share it."""

    def __init__(self) -> None:
        self.problems: dict[str, str] = {}
        """Plugins that were left out, and why."""
        self._plugins = pluggy.PluginManager(PROJECT)
        self._plugins.add_hookspecs(hookspecs)
        self._callers: dict[str, list[tuple[str, pluggy.HookCaller]]] = {}

    @classmethod
    def load(cls) -> Notifier:
        """Load all plugins of the group ``skunkqueue.hooks``; broken ones are left out and logged."""
        notifier = cls()
        for loaded in load_each(HOOKS):
            if loaded.plugin is None:
                notifier._leave_out(loaded.info.name, loaded.info.problem or "nothing there")
            else:
                notifier.add(loaded.plugin, loaded.info.name)
        return notifier

    def add(self, plugin: object, name: str) -> bool:
        """Take in a module or object with hooks; False where it was left out (see ``problems``)."""
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
        """Say whether anybody implements this hook; costs one dictionary look-up."""
        return hook_name in self._callers

    def tell(self, hook_name: str, **arguments: object) -> None:
        """Call one hook of all plugins; all its specified arguments must be given."""
        for name, caller in self._callers.get(hook_name, ()):
            try:
                caller(**arguments)
            except LOAD_FAILURES:  # each on its own is the point
                logger.exception("hook plugin %r raised in %s; it is ignored", name, hook_name)

    def tell_each(self, hook_name: str, argument: str, things: Iterable[object], **others: object) -> None:
        """Call one hook for each of several things; costs one look-up where nobody implements it."""
        if self.wants(hook_name):
            for thing in things:
                self.tell(hook_name, **{argument: thing}, **others)

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

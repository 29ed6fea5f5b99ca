"""The hook plugins that the monitor calls, and those that it does not call for a while since they hung."""

from __future__ import annotations

import functools
from collections.abc import Callable

from skunkqueue.plugins.calls import Rests
from skunkqueue.plugins.notify import Notifier, key_of


@functools.cache
def installed() -> Notifier:
    """Return all that are installed, loaded when first needed."""
    return Notifier.load()


class AskedHook:
    """One hook of all plugins that implement it. Threads may share it."""

    def __init__(self, hook: str, notifier: Notifier | None = None) -> None:
        """``notifier``: the hook plugins; ``None``: all that are installed."""
        self.hook = hook
        self._given = notifier
        self._rests = Rests()

    @functools.cached_property
    def callers(self) -> list[tuple[str, Callable[..., object]]]:
        """The plugins by name, each to be called with the hook's arguments; it answers with a list."""
        return (self._given or installed()).callers(self.hook)

    def rests(self, name: str) -> bool:
        """Return whether a plugin is not to be called now."""
        return self._rests.has(key_of(name))

    def rest(self, name: str) -> None:
        """Stop calling a plugin for a while: it hung."""
        self._rests.begin(key_of(name))

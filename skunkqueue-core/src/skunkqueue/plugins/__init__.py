"""What plugin authors import: the markers for hooks, and the names of the entry-point groups.

A plugin that is picked by name (a store, a strategy, ...) is an entry point in the group of its kind. A plugin
that reacts to what happens implements hooks (``hookspecs``), and is an entry point in ``HOOKS``:

    from skunkqueue.plugins import hookimpl

    @hookimpl
    def skunkqueue_firing_settled(claim, outcome):
        print(claim.id, outcome.verdict)
"""

from __future__ import annotations

import pluggy

BACKENDS = "skunkqueue.backends"
"""Stores: subclasses of ``skunkqueue.persistence.Backend``."""
STRATEGIES = "skunkqueue.strategies"
"""Rules that say when a schedule runs next: classes or objects as in ``skunkqueue.schedule``."""
SERIALIZERS = "skunkqueue.serializers"
"""Ways to turn arguments into bytes and back, as in ``skunkqueue.serializers``."""
COMMANDS = "skunkqueue.commands"
"""Commands of ``skunq``: ``click.Command`` objects."""
HOOKS = "skunkqueue.hooks"
"""Modules or objects with functions marked ``hookimpl``."""
PAGES = "skunkqueue.pages"
"""Pages of the monitor: objects with a title, a template and a method that reads what the template shows."""

GROUPS = (BACKENDS, STRATEGIES, SERIALIZERS, COMMANDS, HOOKS, PAGES)

PROJECT = "skunkqueue"
"""pluggy's project name, which ties ``hookspec`` and ``hookimpl`` together."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)

__all__ = [
    "BACKENDS",
    "COMMANDS",
    "GROUPS",
    "HOOKS",
    "PAGES",
    "PROJECT",
    "SERIALIZERS",
    "STRATEGIES",
    "hookimpl",
    "hookspec",
]

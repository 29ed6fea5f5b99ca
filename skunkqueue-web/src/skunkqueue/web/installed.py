"""The plugins that are installed where the monitor runs."""

from __future__ import annotations

from skunkqueue.cli.plugins import survey
from skunkqueue.plugins.registry import PluginInfo
from skunkqueue.web import source

_REMEMBERED = 60.0
"""Seconds; what is installed changes while nobody looks, and asking imports every plugin."""
_PATIENCE = 60.0
"""Seconds that the first who asks waits; whoever comes later sees what was found before."""


def known_plugins() -> list[PluginInfo]:
    """List all plugins, and why the broken ones are."""
    found = source.current().latest("plugins", _REMEMBERED, survey, patience=_PATIENCE)
    return found if found is not None else source.current().cached("plugins", _REMEMBERED, survey)

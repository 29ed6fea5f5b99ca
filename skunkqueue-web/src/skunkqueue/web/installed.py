"""The plugins that are installed where the monitor runs."""

from __future__ import annotations

from skunkqueue.cli.plugins import survey
from skunkqueue.plugins.registry import PluginInfo
from skunkqueue.web import source

_REMEMBERED = 60.0
"""Seconds; what is installed changes while nobody looks, and asking imports every plugin."""


def known_plugins() -> list[PluginInfo]:
    """List all plugins, and why the broken ones are."""
    return source.current().cached("plugins", _REMEMBERED, survey)

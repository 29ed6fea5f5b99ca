"""The plugins that are installed where the monitor runs."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable
from typing import cast

import msgspec
from flask import current_app

from skunkqueue.cli.plugins import survey
from skunkqueue.plugins.registry import PluginInfo
from skunkqueue.web import source

KEY = "skunkqueue.survey"
_REMEMBERED = 60.0
"""Seconds for which the list is remembered, since making it imports every plugin."""
_PATIENCE = 60.0
"""Seconds that the first request waits; later ones get the list of before."""
_PROGRAM = """
import sys
sys.path[:] = {path!r}
from skunkqueue.cli.group import skunq
skunq(["plugins", "--json"])
"""

logger = logging.getLogger(__name__)


class _Plugin(msgspec.Struct, frozen=True):
    """A plugin as ``skunq plugins --json`` prints it."""

    group: str
    name: str
    value: str
    distribution: str
    version: str
    problem: str | None


class _Told(msgspec.Struct, frozen=True):
    """What it prints."""

    plugins: list[_Plugin]


def known_plugins() -> list[PluginInfo]:
    """List all plugins, and why the broken ones are."""
    look = cast("Callable[[], list[PluginInfo]]", current_app.extensions.get(KEY, survey))
    found = source.current().latest("plugins", _REMEMBERED, look, patience=_PATIENCE)
    return found if found is not None else source.current().cached("plugins", _REMEMBERED, look)


def survey_apart() -> list[PluginInfo]:
    """Do as ``survey`` in a process of its own: what plugins import takes memory that is never freed.

    Where that does not succeed it is done here. Only for a process of our own, whose ``sys.executable`` is a Python.
    """
    command = [sys.executable, "-c", _PROGRAM.format(path=sys.path)]
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter, with a program of ours
            command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=30
        )
        told = msgspec.json.decode(done.stdout, type=_Told)
    except (OSError, subprocess.TimeoutExpired, msgspec.MsgspecError) as error:
        logger.warning("plugins are imported into the monitor: reason=%s", error)
        return survey()
    return [PluginInfo(*msgspec.structs.astuple(each)) for each in told.plugins]

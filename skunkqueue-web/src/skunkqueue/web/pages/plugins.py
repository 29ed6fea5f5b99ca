"""Plugins: what is installed, from where, and what is broken and why."""

from __future__ import annotations

from flask import Blueprint, render_template

from skunkqueue.cli.plugins import survey
from skunkqueue.plugins.registry import PluginInfo
from skunkqueue.web import source
from skunkqueue.web.rights import Right, allowed

blueprint = Blueprint("plugins", __name__)
_REMEMBERED = 60.0
"""Seconds; what is installed changes while nobody looks, and asking imports every plugin."""


def known() -> list[PluginInfo]:
    """List the plugins of the monitor's own environment."""
    return source.current().cached("plugins", _REMEMBERED, survey)


@blueprint.get("/plugins")
@allowed(Right.VIEW)
def plugins() -> str:
    """Show all plugins of the monitor's own environment."""
    found = known()
    return render_template(
        "plugins.html", plugins=found, broken=sum(each.problem is not None for each in found)
    )

"""Plugins: what is installed, from where, and what is broken and why."""

from __future__ import annotations

from flask import Blueprint, render_template

from skunkqueue.web.installed import known_plugins
from skunkqueue.web.rights import Right, allowed

blueprint = Blueprint("plugins", __name__)


@blueprint.get("/plugins")
@allowed(Right.VIEW)
def plugins() -> str:
    """Show all plugins of the monitor's own environment."""
    # Those that are broken come first.
    found = sorted(known_plugins(), key=lambda each: each.problem is None)
    return render_template(
        "plugins.html", plugins=found, broken=sum(each.problem is not None for each in found)
    )

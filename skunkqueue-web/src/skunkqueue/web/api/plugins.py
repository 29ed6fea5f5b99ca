"""Plugins of the monitor, to be read."""

from __future__ import annotations

from skunkqueue.web.api.endpoints import endpoint
from skunkqueue.web.api.structs import plugins as structs
from skunkqueue.web.installed import known_plugins
from skunkqueue.web.rights import Right


@endpoint("GET", "/plugins", Right.VIEW, {200: structs.Plugins})
def plugins() -> structs.Plugins:
    """List the plugins of the monitor's environment."""
    return structs.Plugins(
        plugins=[
            structs.PluginAnswer(
                group=each.group,
                name=each.name,
                object=each.value,
                distribution=each.distribution,
                version=each.version,
                problem=each.problem,
            )
            for each in known_plugins()
        ]
    )

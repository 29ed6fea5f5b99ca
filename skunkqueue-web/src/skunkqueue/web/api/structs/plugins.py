"""What the API answers of plugins."""

from __future__ import annotations

from skunkqueue.web.api.structs.base import Base


class PluginAnswer(Base, frozen=True, kw_only=True):
    """One plugin of the monitor's own environment."""

    group: str
    name: str
    object: str
    distribution: str
    version: str
    problem: str | None
    """Why it cannot be used."""


class Plugins(Base, frozen=True, kw_only=True):
    """Plugins."""

    plugins: list[PluginAnswer]

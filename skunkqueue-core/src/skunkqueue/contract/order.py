"""In which order the kit's tests run: plain ones first, random and slow ones last.

The author of a backend then sees the simplest test that fails, and not a random walk. It is a pytest plugin, which the
kit registers itself while its first test is collected. So it works in the processes of pytest-xdist too,
and orders the tests after pytest-randomly.
"""

from __future__ import annotations

from collections import defaultdict

import pytest

NAME = "skunkqueue-contract-order"


class Order:
    """The plugin."""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Sort the tests of each class of the kit by stage; the order within a stage stays."""
        places: defaultdict[type, list[int]] = defaultdict(list)
        for place, item in enumerate(items):
            suite = item.cls if isinstance(item, pytest.Function) else None
            if suite is not None and hasattr(suite, "stage"):
                places[suite].append(place)
        for suite, own in places.items():
            in_order = sorted((items[place] for place in own), key=lambda item: stage_of(suite, item))
            for place, item in zip(own, in_order, strict=True):
                items[place] = item


def stage_of(suite: type, item: pytest.Item) -> int:
    """Read the stage of the area that a test belongs to."""
    name = getattr(item, "originalname", item.name)
    stages = [int(area.stage) for area in suite.__mro__ if name in vars(area) and hasattr(area, "stage")]
    # A test that an author overrides keeps its place.
    return stages[-1] if stages else 0


def keep_order(config: pytest.Config) -> None:
    """Register the plugin, once."""
    if not config.pluginmanager.has_plugin(NAME):
        config.pluginmanager.register(Order(), NAME)

"""In which order the kit's tests run: what is plain first, what is random and slow last.

Who writes a backend then sees the simplest test that fails, and not a random walk. It is a pytest plugin that the
kit registers by itself while its first test is collected, so it is also there in the processes of pytest-xdist,
and has the last word after pytest-randomly.
"""

from __future__ import annotations

from collections import defaultdict

import pytest

NAME = "skunkqueue-contract-order"


class Order:
    """The plugin."""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Sort the tests of each class of the kit by stage, and leave those of one stage as they are."""
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
    # A test that an author overrides stays where it was.
    return stages[-1] if stages else 0


def keep_order(config: pytest.Config) -> None:
    """Register the plugin, once."""
    if not config.pluginmanager.has_plugin(NAME):
        config.pluginmanager.register(Order(), NAME)

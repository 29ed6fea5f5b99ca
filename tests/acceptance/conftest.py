"""A stage for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.stage import Stage
from tests.acceptance.workshop import Workshop


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A folder of its own, with nothing in it and no store yet."""
    with Stage(tmp_path) as made:
        yield made


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workshop]:
    """A stage with jobs and a store, which the test looks into."""
    with Workshop(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def lasting_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """A shop with one worker, for tests after which that works as before."""
    with Workshop(tmp_path_factory.mktemp("shop")) as made:
        # Otherwise firings of unknown jobs wait for a worker that has them.
        made.work("--unknown-jobs-for", "0")
        yield made

"""A project folder for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.project_folder import ProjectFolder
from tests.acceptance.shop import Shop
from tests.support.sqlite_fixtures import EmptyStore, empty_store

__all__ = ["empty_store"]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[ProjectFolder]:
    """A folder of its own, with nothing in it and no store yet."""
    with ProjectFolder(tmp_path) as made:
        yield made


@pytest.fixture
def shop(tmp_path: Path, empty_store: EmptyStore) -> Iterator[Shop]:
    """A project folder with jobs and a store, which the test looks into."""
    empty_store(tmp_path / "shop.db")
    with Shop(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def lasting_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop with one worker, for tests after which that works as before."""
    with Shop(tmp_path_factory.mktemp("shop")) as made:
        # Otherwise firings of unknown jobs wait for a worker that has them.
        made.work("--unknown-jobs-for", "0")
        yield made

"""Fixtures for stores of a test's own on a server that tests share.

To be imported by the ``conftest.py`` of folders that need them. Knows URLs, and no server.
"""

from __future__ import annotations

from typing import Protocol

import pytest
from msgspec.structs import replace

from skunkqueue.config import resolve
from skunkqueue.ids import new_id
from skunkqueue.persistence import BackendConfig

__all__ = ["ConfigOf", "config_of", "dbname"]


class ConfigOf(Protocol):
    """Make the config of a store of this test's own, from a URL."""

    def __call__(self, url: str, **options: str) -> BackendConfig: ...


@pytest.fixture
def dbname() -> str:
    """Give a name under which nobody else stores anything."""
    return f"test-{new_id()}"


@pytest.fixture
def config_of(dbname: str) -> ConfigOf:
    """Make configs that all mean the same store, wherever the URLs point."""

    def make(url: str, **options: str) -> BackendConfig:
        found = resolve(conn_url=url, dbname=dbname)
        return replace(found, options={**found.options, **options})

    return make

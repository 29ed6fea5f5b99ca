"""The fixtures of the quick tests."""

from __future__ import annotations

from tests.acceptance.conftest import project, shop
from tests.support.sqlite_fixtures import empty_store

__all__ = ["empty_store", "project", "shop"]

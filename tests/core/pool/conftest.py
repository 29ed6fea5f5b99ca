"""The bench of the worker's tests: a store, and jobs to fire."""

from __future__ import annotations

from tests.core.worker.conftest import bench, live_bench
from tests.support.sqlite_fixtures import empty_store

__all__ = ["bench", "empty_store", "live_bench"]

"""The bench of the worker's tests: a store, and jobs to fire."""

from __future__ import annotations

from tests.core.worker.conftest import bench, live_bench

__all__ = ["bench", "live_bench"]

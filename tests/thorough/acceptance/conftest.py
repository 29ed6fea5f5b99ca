"""The fixtures of the quick tests."""

from __future__ import annotations

from tests.acceptance.conftest import shop, stage

__all__ = ["shop", "stage"]

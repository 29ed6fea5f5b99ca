"""The fixtures of the quick tests."""

from __future__ import annotations

from tests.acceptance.conftest import project, shop

__all__ = ["project", "shop"]

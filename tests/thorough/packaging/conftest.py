"""The wheels of the quick tests."""

from __future__ import annotations

from tests.packaging.conftest import core_wheel, wheels

__all__ = ["core_wheel", "wheels"]

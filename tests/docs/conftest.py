"""Programs of the pages run on the same stage as those of the acceptance tests."""

from __future__ import annotations

from tests.acceptance.conftest import project

__all__ = ["project"]

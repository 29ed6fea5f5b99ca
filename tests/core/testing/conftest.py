"""Each test begins with nothing run."""

from __future__ import annotations

import pytest

from tests.core.testing import shop


@pytest.fixture(autouse=True)
def nothing_ran() -> None:
    shop.RAN.clear()
    shop.HEARD.clear()
    shop.BEGUN.clear()
    shop.GO_ON.clear()

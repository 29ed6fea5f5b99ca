"""The browser of all tests of pages in a process: a second one would find the first one's event loop running."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    # Most processes run no test of a page.
    from tests.support.chromium import launched  # noqa: PLC0415

    with launched() as browser:
        yield browser

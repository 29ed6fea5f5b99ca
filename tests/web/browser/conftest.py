"""A real browser on the monitor, served by its real server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page

from tests.support.chromium import opened
from tests.support.web_server import served


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    """Where the monitor is served."""
    app.testing = False
    with served(app) as address:
        yield address


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """A page of the browser; fails on console errors and on what the security policy refuses."""
    with opened(browser, base_url=address) as page:
        yield page

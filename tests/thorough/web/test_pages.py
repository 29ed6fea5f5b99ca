"""Every page in a browser, in both themes and three widths."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser

from skunkqueue.persistence import Backend
from skunkqueue.web.live.events import KEY
from tests.thorough.web.looks import complaints
from tests.web.everything import PAGES, Shown, fill


@pytest.fixture
def shown(store: Backend, app: Flask, strategies: None) -> Iterator[Shown]:
    del strategies
    yield fill(store)
    app.extensions[KEY].close()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_read_by_all(browser: Browser, address: str, shown: Shown, name: str) -> None:
    assert complaints(browser, address, shown, [name]) == []

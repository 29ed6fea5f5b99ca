"""The main pages in a browser, in both themes and three widths; all of them are among the long tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser

from skunkqueue.persistence import Backend
from skunkqueue.web.live.events import KEY
from tests.web.browser.looks import complaints
from tests.web.everything import Shown, fill
from tests.web.timetables import install_strategies

MAIN = ["overview", "a failed firing"]


@pytest.fixture
def shown(store: Backend, app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shown]:
    install_strategies(tmp_path / "site", monkeypatch)
    yield fill(store)
    app.extensions[KEY].close()


def test_the_main_pages_can_be_read_by_all(browser: Browser, address: str, shown: Shown) -> None:
    assert complaints(browser, address, shown, MAIN) == []

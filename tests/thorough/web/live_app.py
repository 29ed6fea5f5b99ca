"""A monitor that hears of changes soon, before a store with many routes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from skunkqueue.persistence import Backend
from skunkqueue.web import create_app
from skunkqueue.web.live.events import KEY
from tests.web.firings import firing

QUICK = 0.2


@pytest.fixture
def app(url: str, store: Backend) -> Flask:
    store.enqueue([firing(route=f"route-{number:02}") for number in range(40)])
    return create_app(url, refresh_seconds=QUICK)


@pytest.fixture(autouse=True)
def streams_end(app: Flask) -> Iterator[None]:
    yield
    app.extensions[KEY].close()

"""A store of a test's own, and the monitor of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from skunkqueue import SkunkQueue
from skunkqueue.persistence import Backend
from skunkqueue.web import create_app


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'jobs.db'}"


@pytest.fixture
def queue(url: str) -> Iterator[SkunkQueue]:
    """A queue whose store exists."""
    queue = SkunkQueue("shop", conn_url=url)
    queue.backend.now()
    yield queue
    queue.close()


@pytest.fixture
def store(queue: SkunkQueue) -> Backend:
    return queue.backend


@pytest.fixture
def app(url: str, store: Backend) -> Flask:
    del store
    app = create_app(url)
    app.testing = True
    return app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()

"""A store of a test's own, and the monitor of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from skunkqueue import SkunkQueue
from skunkqueue.persistence import Backend
from skunkqueue.web import create_app, operations
from skunkqueue.web.access.secret import ENV_SECRET
from skunkqueue.web.operations import Operations
from tests.support.sqlite_fixtures import EmptyStore, empty_store
from tests.web.held import Held, Hold
from tests.web.monitor_client import MonitorClient
from tests.web.rule_cache import RememberedRule
from tests.web.schedules import install_strategies
from tests.web.template_cache import TemplateCache

__all__ = ["empty_store"]


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sign with a secret of the tests' own, and make no file in this user's data folder."""
    monkeypatch.setenv(ENV_SECRET, "a secret that only the tests know")


@pytest.fixture(scope="session")
def template_cache() -> TemplateCache:
    return TemplateCache()


@pytest.fixture(autouse=True)
def compiled(template_cache: TemplateCache, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compile each template and each rule once for all tests: most of a first request, and of making an app, is that."""
    monkeypatch.setattr(Flask, "jinja_options", {**Flask.jinja_options, "bytecode_cache": template_cache})
    monkeypatch.setattr(Flask, "url_rule_class", RememberedRule)


@pytest.fixture
def url(tmp_path: Path, empty_store: EmptyStore) -> str:
    return f"sqlite:///{empty_store(tmp_path / 'jobs.db')}"


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
    app.test_client_class = MonitorClient
    return app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def strategies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install strategies that the tests' schedules have: ``every``, ``hanging`` and ``raising``."""
    install_strategies(tmp_path / "site", monkeypatch)


@pytest.fixture
def known(app: Flask) -> Iterator[Operations]:
    found: Operations = app.extensions[operations.KEY]
    yield found
    found.close()


@pytest.fixture
def hold(store: Backend) -> Iterator[Hold]:
    made: list[Held] = []

    def hold(count: int) -> Held:
        made.append(Held(store, count))
        return made[-1]

    yield hold
    for each in made:
        each.go_on.set()

"""The servers that the tests of this folder run against, and the browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page

from tests.support.browser import browser
from tests.support.chromium import opened
from tests.support.fdb_fixtures import fdb_server
from tests.support.mongo_fixtures import mongo_config_of, mongod_binary, replica_set
from tests.support.redis_fixtures import valkey
from tests.support.sqlite_fixtures import empty_store
from tests.support.store_fixtures import config_of, dbname
from tests.support.web_server import served
from tests.web.conftest import app, compiled, queue, secret, store, strategies, template_cache, url

__all__ = [
    "app",
    "browser",
    "compiled",
    "config_of",
    "dbname",
    "empty_store",
    "fdb_server",
    "mongo_config_of",
    "mongod_binary",
    "queue",
    "replica_set",
    "secret",
    "store",
    "strategies",
    "template_cache",
    "url",
    "valkey",
]


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

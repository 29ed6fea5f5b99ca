"""A store that goes away under an open page, and comes back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser, expect

from skunkqueue import SkunkQueue
from skunkqueue.web import create_app
from skunkqueue.web.live.events import KEY
from tests.support.chromium import opened
from tests.support.redis_fixtures import NewServer, new_server
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually
from tests.web.firings import firing

__all__ = ["new_server"]


@pytest.fixture
def server(new_server: NewServer) -> RedisServer:
    return new_server(persistence="aof")


@pytest.fixture
def app(server: RedisServer) -> Iterator[Flask]:
    app = create_app(server.url(), refresh_seconds=0.2)
    yield app
    app.extensions[KEY].close()


def put(server: RedisServer, route: str) -> None:
    with SkunkQueue("shop", conn_url=server.url()) as queue:
        queue.backend.enqueue([firing(route=route)])


def test_a_store_that_goes_away_is_told_and_the_page_goes_on_when_it_is_back(
    browser: Browser, address: str, server: RedisServer, app: Flask
) -> None:
    put(server, "early")
    with opened(browser, base_url=address, complaints_about=("503",)) as page:
        page.goto("/queues")
        page.evaluate("window.mark = 1")
        eventually(lambda: app.extensions[KEY].listening == 1)

        server.stop()
        expect(page.locator("#notice")).to_contain_text("does not answer")
        expect(page.locator("#live-state")).to_have_attribute("data-state", "away")
        expect(page.get_by_role("link", name="early", exact=True)).to_be_visible()
        server.start()
        put(server, "late")

        expect(page.get_by_role("link", name="late", exact=True)).to_be_visible()
        expect(page.locator("#notice")).to_be_empty()
        expect(page.locator("#live-state")).to_have_attribute("data-state", "live")
        assert page.evaluate("window.mark === 1")


def test_a_page_that_found_no_store_comes_by_itself_once_it_is_there(
    browser: Browser, address: str, server: RedisServer
) -> None:
    put(server, "early")
    server.stop()
    with opened(browser, base_url=address, complaints_about=("503",)) as page:
        page.goto("/queues")
        expect(page.get_by_role("main")).to_contain_text("goes on trying")

        server.start()

        expect(page.get_by_role("link", name="early", exact=True)).to_be_visible()

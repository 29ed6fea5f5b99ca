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
from tests.web.firings import claim, firing

__all__ = ["new_server"]


@pytest.fixture
def server(new_server: NewServer) -> RedisServer:
    return new_server(persistence="aof")


@pytest.fixture
def app(server: RedisServer) -> Iterator[Flask]:
    app = create_app(server.url(), refresh_seconds=0.2)
    yield app
    app.extensions[KEY].close()


def put(server: RedisServer, route: str) -> str:
    with SkunkQueue("shop", conn_url=server.url()) as queue:
        return queue.backend.enqueue([firing(route=route)])[0]


def begin(server: RedisServer, route: str) -> None:
    with SkunkQueue("shop", conn_url=server.url()) as queue:
        claim(queue.backend, route)


def test_a_store_that_goes_away_is_told_and_the_page_goes_on_when_it_is_back(
    browser: Browser, address: str, server: RedisServer, app: Flask
) -> None:
    id_ = put(server, "early")
    with (
        opened(browser, base_url=address, complaints_about=("503",)) as page,
        opened(browser, base_url=address, complaints_about=("503",)) as other,
    ):
        page.goto("/queues")
        other.goto(f"/jobs/{id_}")
        for each in (page, other):
            each.evaluate("window.mark = 1")
        eventually(lambda: app.extensions[KEY].listening == 2)

        server.stop()
        for each in (page, other):
            expect(each.locator("#notice")).to_contain_text("does not answer")
            expect(each.locator("#live-state")).to_have_attribute("data-state", "away")
        expect(page.get_by_role("link", name="early", exact=True)).to_be_visible()
        expect(other.locator("h1 .state")).to_have_text("pending")
        server.start()
        put(server, "late")
        begin(server, "early")

        expect(page.get_by_role("link", name="late", exact=True)).to_be_visible()
        expect(other.locator("h1 .state")).to_have_text("running")
        for each in (page, other):
            expect(each.locator("#notice")).to_be_empty()
            expect(each.locator("#live-state")).to_have_attribute("data-state", "live")
            assert each.evaluate("window.mark === 1")


def test_a_page_that_found_no_store_comes_by_itself_once_it_is_there(
    browser: Browser, address: str, server: RedisServer
) -> None:
    id_ = put(server, "early")
    server.stop()
    with (
        opened(browser, base_url=address, complaints_about=("503",)) as page,
        opened(browser, base_url=address, complaints_about=("503",)) as other,
    ):
        page.goto("/queues")
        other.goto(f"/jobs/{id_}")
        for each in (page, other):
            expect(each.get_by_role("main")).to_contain_text("goes on trying")

        server.start()

        expect(page.get_by_role("link", name="early", exact=True)).to_be_visible()
        expect(other.locator("h1 .state")).to_have_text("pending")

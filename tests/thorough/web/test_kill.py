"""A running firing is killed from its page, on a live pool."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from skunkqueue.records import State
from skunkqueue.web import create_app
from skunkqueue.web.live.events import KEY as STREAMS
from tests.acceptance.shop import Shop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with Shop(tmp_path) as shop:
        yield shop


@pytest.fixture
def app(shop: Shop) -> Iterator[Flask]:
    app = create_app(f"sqlite:///{shop.folder}/shop.db", refresh_seconds=0.2)
    yield app
    app.extensions[STREAMS].close()


def test_a_running_firing_is_killed_and_its_page_shows_that(page: Page, shop: Shop) -> None:
    shop.work()
    id_ = shop.fire("hold", "never")
    shop.begun(id_)

    page.goto(f"/jobs/{id_}")
    page.get_by_role("link", name="Kill").click()
    expect(page.get_by_role("heading", name="Kill 1 firing?")).to_be_visible()
    page.get_by_role("button", name="Kill 1 firing").click()

    expect(page.locator("#messages")).to_contain_text("Told 1 running firing to end")
    expect(page.locator("h1 .state").first).to_have_text("killed")
    (record,) = shop.backend.get([id_])
    assert record is not None
    assert record.state is State.KILLED

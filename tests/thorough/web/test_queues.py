"""The page of queues, in a browser."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from skunkqueue.persistence import Backend
from tests.web.firings import firing


def test_the_page_of_queues_shows_each_route(page: Page, store: Backend) -> None:
    store.enqueue([firing(route="mail"), firing(route="reports")])

    page.goto("/queues")

    expect(page.get_by_role("link", name="mail", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="reports", exact=True)).to_be_visible()

"""Tests of what is done to many firings from the monitor, for any store: a class that gives their number, and its ``url``."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from skunkqueue.bulk import Bulk
from skunkqueue.control import Control
from skunkqueue.listings import Query, Row
from skunkqueue.persistence import Backend
from skunkqueue.records import Outcome, State, Verdict
from skunkqueue.web import create_app, operations
from skunkqueue.web.live.events import KEY as STREAMS
from skunkqueue.web.show import number
from skunkqueue.web.source import KEY as SOURCE
from tests.web.firings import claim, firing

LONG_MS = 500_000.0
"""How long what is done to so many may take on a busy machine."""
FAILED = Query(states=(State.ERROR,))


@pytest.fixture
def app(url: str, store: Backend) -> Iterator[Flask]:
    """The monitor, which hears of changes soon."""
    del store
    app = create_app(url, refresh_seconds=0.2)
    yield app
    app.extensions[operations.KEY].close()
    app.extensions[STREAMS].close()
    app.extensions[SOURCE].close()


class Many:
    """What a person does to all that a filter matches."""

    MANY = 10_000

    @pytest.fixture(autouse=True)
    def failed(self, store: Backend) -> None:
        """Have so many fail."""
        for _ in range(0, self.MANY, 1_000):
            store.enqueue([firing() for _ in range(1_000)])
            store.settle(
                [
                    Outcome(id=one.id, token=one.token, verdict=Verdict.ERROR, error="KeyError: 'a'")
                    for one in claim(store, limit=1_000)
                ]
            )

    def test_all_that_match_are_requeued_with_progress(self, page: Page, store: Backend) -> None:
        many = number(self.MANY)
        page.goto("/jobs?state=error")
        page.get_by_text("All that match…").click()
        page.get_by_role("link", name="Requeue all").click()
        expect(page.get_by_role("heading", name=f"Requeue {many} firings?")).to_be_visible()
        page.get_by_role("button", name=f"Requeue {many} firings").click()

        expect(page.locator("#operation")).to_contain_text(f"{many} of {many}", timeout=LONG_MS)
        expect(page.locator("#operation .state")).to_have_text("done", timeout=LONG_MS)
        assert store.count(FAILED).number == 0
        assert store.audit(1).entries[0].did == f"requeued {many} of {many}"

    def test_an_operation_is_stopped_on_its_way(self, page: Page, store: Backend, app: Flask) -> None:
        looked = [0]
        go_on = threading.Event()

        def keep(rows: Sequence[Row]) -> Sequence[Row]:
            looked[0] += 1
            assert looked[0] < 2 or go_on.wait(LONG_MS / 1_000)
            return rows

        known: operations.Operations = app.extensions[operations.KEY]
        bulk = Bulk(Control(store, "ann"), "requeue", FAILED, keep=keep)
        id_ = known.start(bulk, "ann", "Requeue state error").id

        page.goto("/jobs")
        expect(page.locator(f"#operation-{id_}")).to_contain_text(
            f"1,000 of {number(self.MANY)}", timeout=LONG_MS
        )
        page.get_by_role("button", name="Stop: Requeue state error").click()
        page.goto(f"/operations?id={id_}")
        expect(page.locator("#operation .state")).to_have_text("stopping", timeout=LONG_MS)
        go_on.set()

        expect(page.locator("#operation .state")).to_have_text("stopped", timeout=LONG_MS)
        expect(page.locator("#operation")).to_contain_text(f"2,000 of {number(self.MANY)}", timeout=LONG_MS)
        assert store.count(FAILED).number == self.MANY - 2_000

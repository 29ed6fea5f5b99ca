"""Tables whose columns and rows stay where they are, whatever comes into them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser

from skunkqueue.persistence import Backend
from skunkqueue.records import Outcome, Verdict
from skunkqueue.web.pages import more
from skunkqueue.web.pages.more import Extra
from skunkqueue.web.rights import Right
from tests.support.chromium import opened
from tests.web.crews import add_pool
from tests.web.firings import claim, firing
from tests.web.schedules import declare

WIDTHS = [768, 1_024, 1_280, 1_920, 2_560]
LEFTS = (
    "[...document.querySelectorAll('main thead th')].filter((one) => !one.closest('details'))"
    ".map((one) => Math.round(one.getBoundingClientRect().left))"
)
"""Without the values of charts: a job that is new has a column of its own there."""
HEIGHTS = (
    "[...document.querySelectorAll('.members tbody tr')].map((one) => one.getBoundingClientRect().height)"
)


def measured(browser: Browser, address: str, path: str, what: str) -> dict[int, Any]:
    """Measure something on a page that has just been loaded, at each width."""
    found = {}
    with opened(browser, base_url=address, reduced_motion="reduce") as page:
        page.goto(path)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            found[width] = page.evaluate(what)
    return found


def fail(store: Backend, job: str, route: str, error: str) -> None:
    store.enqueue([firing(job=job, route=route)])
    (lent,) = claim(store, route)
    outcome = Outcome(id=lent.id, token=lent.token, verdict=Verdict.ERROR, error=error, began=lent.claimed)
    store.settle([outcome])


@pytest.mark.parametrize("path", ["/jobs", "/errors"])
def test_columns_stay_when_longer_names_and_errors_come(
    browser: Browser, address: str, store: Backend, path: str
) -> None:
    fail(store, "a:b", "r", "E: x")
    before = measured(browser, address, path, LEFTS)

    fail(
        store, f"a.rather.long.module:{'job' * 15}", f"a-rather-{'long' * 8}-route", f"AnError: {'why ' * 30}"
    )

    assert measured(browser, address, path, LEFTS) == before


@pytest.mark.usefixtures("strategies")
def test_columns_stay_when_a_schedule_begins_to_run(browser: Browser, address: str, store: Backend) -> None:
    declare(store, after=0.0)
    before = measured(browser, address, "/schedules", LEFTS)

    claim(store)

    assert measured(browser, address, "/schedules", LEFTS) == before


def test_a_workers_row_stays_as_high_as_it_is_when_it_has_much_in_hand(
    browser: Browser, address: str, store: Backend
) -> None:
    worker = add_pool(store).processes[0].worker
    before = measured(browser, address, "/workers", LEFTS), measured(browser, address, "/workers", HEIGHTS)

    store.enqueue([firing(job=f"a.rather.long.module:{'job' * 15}") for _ in range(5)])
    claim(store, limit=5, worker=worker)

    after = measured(browser, address, "/workers", LEFTS), measured(browser, address, "/workers", HEIGHTS)
    assert after == before


def test_what_a_worker_has_in_hand_stays_in_its_place_on_a_phone(
    browser: Browser, address: str, store: Backend
) -> None:
    worker = add_pool(store).processes[0].worker
    store.enqueue([firing(job="a.rather.long.module:fetch_rate") for _ in range(2)])
    claim(store, limit=2, worker=worker)

    with opened(browser, base_url=address, viewport={"width": 360, "height": 900}) as page:
        page.goto("/workers")
        over = page.locator(".hand").evaluate("(place) => place.scrollHeight - place.clientHeight")

    assert over == 0


class Listing:
    title = "A list"
    template = "<ul><li>one</li></ul>"

    def read(self, store: Backend, arguments: Mapping[str, str]) -> Mapping[str, object]:
        return {"store": store.location(), "arguments": arguments}


def test_a_list_on_a_page_of_a_plugin_has_room_for_its_marks(
    app: Flask, browser: Browser, address: str
) -> None:
    app.extensions[more.KEY].pages = {"list": Extra("list", Listing(), Right.VIEW)}
    room = """document.querySelector("main li").getBoundingClientRect().left
        - document.querySelector("main h1").getBoundingClientRect().left"""

    assert min(measured(browser, address, "/more?page=list", room).values()) > 15

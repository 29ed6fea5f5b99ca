"""Every page in a browser: to everybody, in both themes and three widths; and by keyboard alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from skunkqueue.bulk import Bulk
from skunkqueue.control import Control
from skunkqueue.listings import Query
from skunkqueue.persistence import Backend
from skunkqueue.records import State
from skunkqueue.web import create_app, operations
from skunkqueue.web.live.events import KEY
from skunkqueue.web.pages import more
from skunkqueue.web.pages.more import Extra
from skunkqueue.web.rights import Right
from tests.support.chromium import opened
from tests.support.server_process import free_port
from tests.support.waiting import eventually
from tests.support.web_server import served
from tests.thorough.web.looks import ERRORS, complaints, complaints_as_it_is, walked
from tests.web.access.conftest import PASSWORD, auth_file
from tests.web.everything import OTHERS, PAGES, Shown, fill

__all__ = ["auth_file"]

WALKED = (
    "overview",
    "queues",
    "a route",
    "purge",
    "jobs",
    "a failed firing",
    "errors",
    "kill",
    "operations",
    "workers",
    "a worker",
    "a pool",
    "schedules",
    "a schedule",
    "audit",
    "no firing",
    "a wrong filter",
)
"""Pages through which somebody walks by keyboard, one of each kind: each step takes a while in a browser."""


class Brought:
    title = "Brought along"
    template = """<p>It has <a href="{{ url_for('jobs.jobs') }}">a link</a>.</p>
        <table><thead><tr><th>Job</th></tr></thead><tbody><tr><td>shop:send</td></tr></tbody></table>
        <ul><li>one</li></ul>"""

    def read(self, store: Backend, arguments: Mapping[str, str]) -> Mapping[str, object]:
        return {"store": store.location(), "arguments": arguments}


class Broken(Brought):
    title = "Broken"
    template = "{{ 1 / 0 }}"


@pytest.fixture
def shown(store: Backend, app: Flask, strategies: None) -> Iterator[Shown]:
    del strategies
    yield fill(store)
    app.extensions[KEY].close()


@pytest.mark.parametrize("name", [*PAGES, *OTHERS])
def test_a_page_can_be_read_by_all(browser: Browser, address: str, shown: Shown, name: str) -> None:
    addresses = {of: where for of, (_, where) in (*PAGES.items(), *OTHERS.items())}
    path = addresses[name](shown)

    assert addresses.keys() > set(WALKED)
    with opened(browser, base_url=address, complaints_about=ERRORS) as page:
        assert complaints(page, path) == []
        if name in WALKED:
            assert walked(page, path) == []


def test_what_opens_on_a_page_can_be_read_by_all(browser: Browser, address: str, shown: Shown) -> None:
    assert shown
    with opened(browser, base_url=address) as page:
        page.goto("/jobs")
        page.get_by_text("More filters").click()
        page.get_by_text("All that match…").click()
        expect(page.get_by_label("Due from")).to_be_visible()
        expect(page.get_by_role("link", name="Requeue all")).to_be_visible()
        assert complaints_as_it_is(page) == []

        page.keyboard.press("?")
        expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
        assert complaints_as_it_is(page) == []


def test_every_page_is_there_without_scripts(browser: Browser, address: str, shown: Shown) -> None:
    with opened(browser, base_url=address, java_script_enabled=False) as page:
        for name, (_, path) in PAGES.items():
            page.goto(path(shown))
            expect(page.locator("h1").first, name).to_be_visible()
            expect(page.locator(".scripted:visible"), name).to_have_count(0)


def test_a_ticked_firing_is_killed_without_scripts(
    browser: Browser, address: str, shown: Shown, store: Backend
) -> None:
    assert shown
    with opened(browser, base_url=address, java_script_enabled=False) as page:
        page.goto("/jobs?state=pending")
        box = page.locator("main tbody input[type=checkbox]").first
        id_ = box.get_attribute("value")
        box.check()
        page.get_by_role("button", name="Kill").click()
        page.get_by_role("button", name="Kill 1 firing").click()

        expect(page.locator("#messages")).to_contain_text("Killed 1 firing.")
    (record,) = store.get([str(id_)])
    assert record is not None
    assert record.state is State.KILLED


@pytest.mark.parametrize("name", ["brought", "broken"])
def test_a_page_of_a_plugin_can_be_read_by_all(browser: Browser, address: str, app: Flask, name: str) -> None:
    app.extensions[more.KEY].pages = {
        "brought": Extra("brought", Brought(), Right.VIEW),
        "broken": Extra("broken", Broken(), Right.VIEW),
    }

    with opened(browser, base_url=address, complaints_about=ERRORS) as page:
        assert complaints(page, f"/more?page={name}") == []


@pytest.fixture
def operation(app: Flask, store: Backend, shown: Shown) -> str:
    """An operation that has ended."""
    del shown
    known: operations.Operations = app.extensions[operations.KEY]
    bulk = Bulk(Control(store, "ann"), "requeue", Query(states=(State.ERROR,)))
    id_ = known.start(bulk, "ann", "Requeue state error").id
    eventually(lambda: known.all()[0].is_over)
    return id_


@pytest.mark.parametrize("path", ["/operations", "/operations?id={}"])
def test_an_operation_can_be_read_by_all(browser: Browser, address: str, operation: str, path: str) -> None:
    with opened(browser, base_url=address) as page:
        assert complaints(page, path.format(operation)) == []


@pytest.fixture
def locked(browser: Browser, url: str, auth_file: Path, shown: Shown) -> Iterator[Page]:
    """A page of a monitor that has logins."""
    del shown
    app = create_app(url, auth_file=str(auth_file))
    with served(app) as address, opened(browser, base_url=address, complaints_about=ERRORS) as page:
        yield page
        app.extensions[KEY].close()


def test_the_login_can_be_read_by_all(locked: Page) -> None:
    assert complaints(locked, "/login") == []
    assert walked(locked, "/login") == []


@pytest.mark.parametrize("path", ["/queues", "/confirm/pause?queue=shop"])
def test_what_a_login_that_may_only_look_sees_can_be_read_by_all(locked: Page, path: str) -> None:
    locked.goto("/login")
    locked.get_by_label("Name").fill("view")
    locked.get_by_label("Password").fill(PASSWORD)
    locked.get_by_role("button", name="Log in").click()
    locked.get_by_text("view only").wait_for()

    assert complaints(locked, path) == []


@pytest.mark.parametrize(
    "url", ["redis://127.0.0.1:{}/0", "sqlite:///{}/nowhere.db"], ids=["away", "missing"]
)
def test_a_page_without_a_store_can_be_read_by_all(browser: Browser, tmp_path: Path, url: str) -> None:
    app = create_app(url.format(free_port() if url.startswith("redis") else tmp_path))
    with served(app) as address, opened(browser, base_url=address, complaints_about=ERRORS) as page:
        assert complaints(page, "/queues") == []
        app.extensions[KEY].close()

"""Logging in, and what is refused, in a browser that keeps its own rules."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask, redirect
from playwright.sync_api import Browser, Page, expect

from skunkqueue.persistence import Backend
from skunkqueue.web import create_app
from tests.support.chromium import opened
from tests.support.web_server import served
from tests.web.access.conftest import PASSWORD, auth_file
from tests.web.crews import add_pool

__all__ = ["auth_file"]

REFUSED = "Failed to load resource: the server responded with a status of 4"
"""What the console says of a page that is an error."""


@pytest.fixture
def locked_address(url: str, store: Backend, auth_file: Path) -> Iterator[str]:
    del store
    with served(create_app(url, auth_file=str(auth_file))) as address:
        yield address


@pytest.fixture
def page(browser: Browser, locked_address: str) -> Iterator[Page]:
    with opened(browser, base_url=locked_address, complaints_about=(REFUSED,)) as page:
        yield page


def log_in(page: Page, name: str, password: str = PASSWORD) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def test_a_person_logs_in_acts_and_logs_out(page: Page, store: Backend) -> None:
    pool = add_pool(store)
    page.goto(f"/pools/{pool.id}")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()

    log_in(page, "admin")
    expect(page).to_have_url(re.compile(rf"/pools/{re.escape(pool.id)}$"))
    page.get_by_role("link", name=f"Quiet pool {pool.id}").click()
    page.get_by_role("button", name="Quiet 1 worker").click()
    expect(page.get_by_text("Sent to pool")).to_be_visible()

    assert [command.verb for command in store.listen(pool.id, 0)] == ["quiet"]
    assert store.audit(1).entries[0].who == "admin"
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_text("You are logged out")).to_be_visible()
    page.goto("/queues")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def test_a_wrong_password_is_told_and_lets_nobody_in(page: Page) -> None:
    page.goto("/queues")

    log_in(page, "admin", "wrong")

    expect(page.get_by_role("alert")).to_have_text("The name or the password is wrong.")
    page.goto("/queues")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def test_who_may_only_view_is_offered_nothing_and_refused_by_the_server(page: Page, store: Backend) -> None:
    pool = add_pool(store)
    page.goto(f"/pools/{pool.id}")
    log_in(page, "view")

    expect(page.get_by_role("heading", name=pool.id)).to_be_visible()
    expect(page.get_by_role("link", name=f"Quiet pool {pool.id}")).to_have_count(0)
    page.goto(f"/confirm/pool?verb=stop&id={pool.id}")
    expect(page.get_by_text("view has the right to view; this needs admin.")).to_be_visible()


def test_a_link_of_another_site_leads_to_the_page_and_not_to_the_login(
    page: Page, locked_address: str
) -> None:
    # `localhost` and 127.0.0.1 are two sites.
    other = Flask("other")
    other.add_url_rule("/", "home", lambda: f'<a href="{locked_address}/workers">the workers</a>')
    page.goto("/queues")
    log_in(page, "view")
    expect(page.get_by_role("heading", name="Queues")).to_be_visible()

    with served(other) as address:
        page.goto(address.replace("127.0.0.1", "localhost"))
        page.get_by_role("link", name="the workers").click()
        expect(page.get_by_role("heading", name="Workers")).to_be_visible()


@pytest.mark.parametrize("form", ["post", "redirected"])
def test_a_form_of_another_site_changes_nothing(
    page: Page, locked_address: str, store: Backend, form: str
) -> None:
    pool = add_pool(store)
    page.goto("/queues")
    log_in(page, "admin")
    expect(page.get_by_role("heading", name="Queues")).to_be_visible()
    other = Flask("other")
    target = f"{locked_address}/do/pool" if form == "post" else "/on"
    other.add_url_rule(
        "/",
        "home",
        lambda: (
            f'<form method="post" action="{target}"><input name="verb" value="stop">'
            f'<input name="id" value="{pool.id}"><button>Win</button></form>'
        ),
    )
    other.add_url_rule("/on", "on", lambda: redirect(f"{locked_address}/do/pool", 307), methods=["POST"])

    with served(other) as address:
        page.goto(address.replace("127.0.0.1", "localhost"))
        page.get_by_role("button", name="Win").click()
        expect(page.get_by_text("comes from a page of another site")).to_be_visible()

    assert store.listen(pool.id, 0) == []


def test_another_name_of_this_machine_is_refused(browser: Browser, locked_address: str) -> None:
    port = locked_address.rpartition(":")[2]
    with opened(browser, complaints_about=(REFUSED,)) as page:
        # It resolves to this machine, as the name of an attacker's site does after its DNS was changed.
        page.goto(f"http://rebound.localhost:{port}/queues")
        expect(page.get_by_text("is not reached by the name")).to_be_visible()


def test_nothing_reads_the_cookie(page: Page) -> None:
    page.goto("/queues")
    log_in(page, "admin")
    expect(page.get_by_role("heading", name="Queues")).to_be_visible()

    assert "skunkqueue" not in page.evaluate("document.cookie")
    (cookie,) = [one for one in page.context.cookies() if one["name"] == "skunkqueue"]
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")

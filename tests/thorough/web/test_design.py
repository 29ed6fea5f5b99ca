"""Themes, keys, charts, and how much the first page loads."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, Locator, Page, expect

from skunkqueue.cli.demo_past import PastClock
from skunkqueue.config import open_backend, resolve
from skunkqueue.listings import Query
from skunkqueue.persistence import Backend
from skunkqueue.records import Outcome, State, Verdict
from skunkqueue.web import create_app
from skunkqueue.web.live.events import KEY
from tests.support.chromium import opened
from tests.support.sqlite_fixtures import EmptyStore
from tests.support.web_server import served
from tests.web.firings import claim, firing

BACKGROUND = "getComputedStyle(document.body).backgroundColor"
MOST_BYTES = 110_000
VERDICTS = (Verdict.COMPLETE, Verdict.COMPLETE, Verdict.ERROR, Verdict.RETRY, Verdict.KILLED)


@pytest.fixture(autouse=True)
def _filled(store: Backend, app: Flask) -> Iterator[None]:
    store.enqueue([firing(route=route) for route in ("mail", "reports", "mail")])
    (claimed,) = claim(store, "mail")
    began = store.now() - 1
    settled = Outcome(id=claimed.id, token=claimed.token, verdict=Verdict.ERROR, began=began, took=1.0)
    store.settle([settled])
    yield
    app.extensions[KEY].close()


@pytest.mark.parametrize(("system", "chosen", "presses"), [("dark", "light", 1), ("light", "dark", 2)])
def test_a_theme_is_chosen_against_the_system_and_kept(
    browser: Browser, address: str, system: str, chosen: str, presses: int
) -> None:
    with opened(browser, base_url=address, color_scheme=system) as page:
        page.goto("/queues")
        before = page.evaluate(BACKGROUND)
        for _ in range(presses):
            page.locator("[data-theme-button]").click()
        expect(page.locator("html")).to_have_attribute("data-theme", chosen)
        after = page.evaluate(BACKGROUND)
        page.reload()

        assert before != after
        assert page.evaluate(BACKGROUND) == after


def test_a_chosen_theme_is_there_before_anything_is_painted(browser: Browser, address: str) -> None:
    with opened(browser, base_url=address, color_scheme="dark") as page:
        page.goto("/queues")
        page.evaluate("localStorage.setItem('theme', 'light')")
        # As soon as there is a body, the theme is known.
        page.add_init_script(
            """new MutationObserver((_, observer) => {
                if (!document.body) return;
                window.themeAtFirst = document.documentElement.dataset.theme;
                observer.disconnect();
            }).observe(document, { childList: true, subtree: true });"""
        )
        page.reload()

        assert page.evaluate("window.themeAtFirst") == "light"


def test_keys_are_shown_search_and_lead_to_pages(page: Page) -> None:
    page.goto("/queues")

    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("gj?")
    expect(page.get_by_role("searchbox")).to_have_value("gj?")
    page.keyboard.press("Escape")
    page.keyboard.type("gw")
    page.wait_for_url("**/workers")
    page.keyboard.type("go")
    page.wait_for_url(lambda url: url.endswith("/"))


def test_j_and_k_move_through_rows_and_are_announced(page: Page) -> None:
    page.goto("/queues")

    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.get_by_role("link", name="reports")).to_be_focused()
    expect(page.locator("#said")).to_have_text("Row 2 of 2")
    page.keyboard.press("k")
    expect(page.get_by_role("link", name="mail")).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1, name="mail")).to_be_visible()


def tab_to(page: Page, target: Locator, key: str = "Tab") -> None:
    """Press a key until something has the focus."""
    for _ in range(60):
        if target.evaluate("(one) => one === document.activeElement"):
            return
        page.keyboard.press(key)
    msg = f"{target} is not reached by {key}"
    raise AssertionError(msg)


def test_firings_are_ticked_and_killed_by_keyboard_alone(page: Page, store: Backend) -> None:
    page.goto("/queues")

    page.keyboard.type("gj")
    page.wait_for_url("**/jobs")
    page.keyboard.type("jxjx")
    expect(page.locator("#ticked")).to_have_text("2 ticked:")
    page.keyboard.type("x")
    expect(page.locator("#ticked")).to_have_text("1 ticked:")
    tab_to(page, page.get_by_role("button", name="Kill"), "Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Kill 1 firing?")).to_be_visible()
    tab_to(page, page.get_by_role("button", name="Kill 1 firing"))
    page.keyboard.press("Enter")

    expect(page.locator("#messages")).to_have_text("Killed 1 firing.")
    assert store.count(Query(states=(State.KILLED,))).number == 1


def test_the_first_tab_leads_past_the_header(page: Page) -> None:
    page.goto("/queues")

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")

    assert page.evaluate("document.getElementById('main').contains(document.activeElement)")


def test_the_values_of_a_chart_are_shown_at_the_pointer_and_by_arrow_keys(page: Page) -> None:
    page.goto("/")
    chart = page.locator("#chart-flow")

    chart.locator(".plot-svg").hover()
    expect(chart.locator(".bubble")).to_contain_text("Done")
    page.mouse.move(0, 0)
    expect(chart.locator(".bubble")).to_have_count(0)
    chart.locator(".plot-svg").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#said")).to_contain_text("Done")
    chart.locator("summary").click()

    expect(chart.get_by_role("row")).to_have_count(61)


@pytest.mark.parametrize("width", [360, 1_280])
def test_the_values_of_an_axis_are_beside_the_plot(browser: Browser, address: str, width: int) -> None:
    with opened(browser, base_url=address, viewport={"width": width, "height": 800}) as page:
        page.goto("/queue?queue=shop&route=mail")
        plots = page.evaluate(
            """[...document.querySelectorAll("#charts figure")].map((chart) => ({
                from: chart.getBoundingClientRect().left,
                to: chart.querySelector(".plot-svg svg").getBoundingClientRect().left,
                marks: [...chart.querySelectorAll(".mark-value")].map((mark) => {
                    const box = mark.getBoundingClientRect();
                    return [box.left, box.right];
                }),
            }))"""
        )

    places = [(plot["from"], left, right, plot["to"]) for plot in plots for left, right in plot["marks"]]
    assert len(places) > 3
    for place in places:
        assert list(place) == sorted(place)


def fill_an_hour(url: str, routes: int) -> None:
    """Have firings enqueued and settled on many routes, in each of the last minutes others."""
    dice, clock = random.Random(1), PastClock()  # noqa: S311 - the same each time
    clock.behind = 3_600.0
    with closing(open_backend(resolve(conn_url=url), clock=clock)) as past:
        for minute in range(60, 0, -1):
            clock.behind = 60.0 * minute
            for number in range(routes):
                route = f"route-{number}"
                past.enqueue([firing(route=route) for _ in range(dice.randrange(2, 20))])
                settled = [
                    Outcome(
                        id=each.id,
                        token=each.token,
                        verdict=dice.choice(VERDICTS),
                        began=past.now() - dice.random() * 20,
                        took=dice.expovariate(0.5),
                    )
                    for each in claim(past, route, limit=dice.randrange(1, 20))
                ]
                past.settle(settled)
            past.sample()


def test_the_first_page_is_small_in_all(browser: Browser, tmp_path: Path, empty_store: EmptyStore) -> None:
    url = f"sqlite:///{empty_store(tmp_path / 'busy.db')}"
    fill_an_hour(url, routes=12)
    app = create_app(url)
    sizes: dict[str, float] = {}
    with served(app) as address, opened(browser, base_url=address) as page:
        network = page.context.new_cdp_session(page)
        network.send("Network.enable")
        network.on(
            "Network.loadingFinished",
            lambda each: sizes.__setitem__(each["requestId"], each["encodedDataLength"]),
        )
        page.goto("/")
        charts = page.locator("#charts .shape-bar, #charts .shape-line").count()
        routes = page.locator("main tbody tr[id^=route]").count()
        app.extensions[KEY].close()

    assert (charts > 10, routes) == (True, 12)
    assert len(sizes) > 5
    assert sum(sizes.values()) < MOST_BYTES


def test_pages_work_without_scripts(browser: Browser, address: str) -> None:
    with opened(browser, base_url=address, java_script_enabled=False) as page:
        page.goto("/")
        expect(page.locator("#chart-flow svg").first).to_be_visible()
        expect(page.locator("#live-state")).to_be_hidden()
        page.get_by_role("link", name="mail").first.click()
        page.get_by_label("Reason").fill("the mail server is away")
        page.keyboard.press("Enter")
        expect(page.get_by_label("Reason")).to_have_value("the mail server is away")
        page.get_by_role("button", name="Pause").click()

        expect(page.locator("#messages")).to_contain_text("is paused")
        page.goto("/audit")
        expect(page.locator("tbody tr").first).to_contain_text("the mail server is away")


def test_times_are_in_the_readers_zone(browser: Browser, address: str) -> None:
    with opened(browser, base_url=address, timezone_id="Asia/Tokyo", locale="en-GB") as page:
        page.goto("/queues")

        expect(page.locator("main time").first).to_have_attribute("title", re.compile("GMT.9|JST"))

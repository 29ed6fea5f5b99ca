"""Pages that change under the reader, and do not disturb what the reader does."""

from __future__ import annotations

from flask import Flask
from playwright.sync_api import Browser, Page, Route, expect

from skunkqueue.persistence import Backend
from skunkqueue.web.live.events import KEY
from tests.support.chromium import opened
from tests.support.waiting import eventually
from tests.thorough.web.live_app import QUICK, app, streams_end
from tests.web.firings import firing

__all__ = ["app", "streams_end"]


def reload_mark(page: Page) -> None:
    """Leave something on the page that a reload would take away."""
    page.evaluate("window.mark = 1")


def is_same_page(page: Page) -> bool:
    return bool(page.evaluate("window.mark === 1"))


def test_a_page_changes_without_being_loaded_again(page: Page, store: Backend) -> None:
    page.goto("/queues")
    reload_mark(page)

    store.enqueue([firing(route="late")])

    expect(page.get_by_role("link", name="late", exact=True)).to_be_visible()
    assert is_same_page(page)


def test_a_page_is_not_fetched_again_before_something_changes(page: Page) -> None:
    fetched: list[str] = []
    page.on("request", lambda one: fetched.append(one.url) if "x-skunkqueue-live" in one.headers else None)
    page.goto("/schedules")
    page.wait_for_timeout(2_500)

    assert fetched == []


def test_a_change_that_comes_while_the_page_is_fetched_is_fetched_next(page: Page, store: Backend) -> None:
    page.goto("/queues")
    page.evaluate(
        """() => {
            window.changes = 0;
            const events = new EventSource(document.getElementById("main").dataset.events);
            events.addEventListener("change", () => (changes += 1));
            return new Promise((resolve) => events.addEventListener("hello", () => resolve(true)));
        }"""
    )
    held: list[Route] = []

    def hold(fetch: Route) -> None:
        held.append(fetch)

    page.route("**/queues", hold)
    store.enqueue([firing(route="a first one")])
    eventually(lambda: page.evaluate("changes") and held, what="the page is being fetched")
    fetched = held[0].fetch()

    store.enqueue([firing(route="late")])
    eventually(lambda: page.evaluate("changes") >= 2, what="the second change is told")
    held[0].fulfill(response=fetched)
    page.unroute("**/queues", hold)

    # Without it the page asks again only after 30 seconds, in case an event was lost.
    expect(page.get_by_role("link", name="late", exact=True)).to_be_visible(timeout=15_000)


def test_a_selection_holds_the_page_still_until_it_is_given_up(page: Page, store: Backend) -> None:
    page.goto("/queues")
    page.evaluate("getSelection().selectAllChildren(document.querySelector('main h1'))")
    expect(page.locator("#live-state")).to_have_attribute("data-state", "paused")

    store.enqueue([firing(route="late")])
    page.wait_for_timeout(4 * 1_000 * QUICK)
    assert page.evaluate("getSelection().toString()") == "Queues"
    assert page.get_by_role("link", name="late", exact=True).count() == 0
    page.evaluate("getSelection().empty()")

    expect(page.get_by_role("link", name="late", exact=True)).to_be_visible()


def test_the_scroll_position_stays(page: Page, store: Backend) -> None:
    page.goto("/queues")
    page.evaluate("scrollTo(0, 300)")

    store.enqueue([firing(route="a first one")])

    expect(page.get_by_role("link", name="a first one", exact=True)).to_be_attached()
    assert abs(page.evaluate("scrollY") - 300) < 120


def test_focus_and_what_is_open_stay(page: Page, store: Backend) -> None:
    page.goto("/")
    values = page.locator("#chart-flow-values")
    values.locator("summary").click()
    expect(values.locator("summary")).to_be_focused()

    store.enqueue([firing(route="late")])

    expect(page.locator("#tiles")).to_contain_text("41")
    expect(values).to_have_attribute("open", "")
    expect(values.locator("summary")).to_be_focused()


def test_what_comes_and_goes_does_not_replace_what_is_beside_it(page: Page) -> None:
    page.goto("/plugins")
    changed = page.evaluate(
        """async () => {
            const { morph } = await import("/static/morph.js");
            const make = (note, items) => {
                const box = document.createElement("div");
                box.innerHTML = `<h2>A</h2> ${note} <div><details><summary>S</summary></details></div> <ul>${items}</ul>`;
                return box;
            };
            const note = "<p id='note'>x</p>";
            const box = make(note, "<li>1</li>");
            document.body.append(box);
            const details = box.querySelector("details");
            const list = box.querySelector("ul");
            details.open = true;
            const stays = () => box.querySelector("details") === details && details.open && box.querySelector("ul") === list;
            morph(box, make("", "<li>2</li><li>3</li>"));
            const without = [stays(), box.textContent.split(/ +/).join(" ")];
            morph(box, make(note, "<li>3</li>"));
            return [...without, stays(), box.textContent.split(/ +/).join(" ")];
        }"""
    )

    assert changed == [True, "A S 23", True, "A x S 3"]


def test_a_form_that_is_being_filled_in_holds_the_page_still(page: Page, store: Backend) -> None:
    page.goto("/audit")
    field = page.locator("main form input:visible").first
    field.fill("somebody")
    expect(page.locator("#live-state")).to_have_attribute("data-state", "paused")

    store.enqueue([firing(route="late")])
    page.wait_for_timeout(4 * 1_000 * QUICK)

    expect(field).to_have_value("somebody")
    expect(field).to_be_focused()


def test_what_is_opened_stays_open_and_does_not_hold_the_page_still(page: Page, store: Backend) -> None:
    page.goto("/jobs")
    page.get_by_text("More filters").click()
    page.get_by_text("All that match…").click()

    expect(page.locator("#live-state")).to_have_attribute("data-state", "live")
    store.enqueue([firing(route="late")])

    expect(page.get_by_role("link", name="late", exact=True)).to_be_visible()
    expect(page.get_by_label("Due from")).to_be_visible()
    expect(page.get_by_role("link", name="Requeue all")).to_be_visible()


def test_a_reader_pauses_a_page_and_lets_it_go_on(page: Page, store: Backend) -> None:
    page.goto("/queues")
    page.locator("#live-state").click()
    expect(page.locator("#live-state")).to_have_attribute("aria-pressed", "true")

    store.enqueue([firing(route="late")])
    page.wait_for_timeout(4 * 1_000 * QUICK)
    assert page.get_by_role("link", name="late", exact=True).count() == 0
    page.locator("#live-state").click()

    expect(page.get_by_role("link", name="late", exact=True)).to_be_visible()


def test_a_page_that_finds_no_room_among_the_streams_asks_by_itself(
    browser: Browser, address: str, app: Flask, store: Backend
) -> None:
    streams = app.extensions[KEY]
    several = [streams.open(lambda: False) for _ in range(16)]
    with opened(browser, base_url=address, complaints_about=("503",)) as page:
        page.goto("/queues")

        store.enqueue([firing(route="late")])

        expect(page.get_by_role("link", name="late", exact=True)).to_be_visible()
    assert len(several) == streams.listening


def test_a_page_whose_store_hangs_says_so(browser: Browser, address: str, store: Backend) -> None:
    with opened(browser, base_url=address) as page:
        page.goto("/queues")
        expect(page.locator("#live-state")).to_have_attribute("data-state", "live")
        page.route("**/queues", lambda _: None)
        store.enqueue([firing(route="late")])

        expect(page.locator("#live-state")).to_have_attribute("data-state", "away", timeout=14_000)
        expect(page.locator("#notice")).to_contain_text("does not answer")
        page.unroute("**/queues")
        expect(page.locator("#live-state")).to_have_attribute("data-state", "live")


def test_a_page_that_is_closed_frees_its_stream(browser: Browser, address: str, app: Flask) -> None:
    with opened(browser, base_url=address) as page:
        page.goto("/queues")
        eventually(lambda: app.extensions[KEY].listening == 1)

    eventually(lambda: app.extensions[KEY].listening == 0, timeout=30)

"""Rows of live pages that stay where the reader has ticked them, scrolled to them or points at them."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from skunkqueue.persistence import Backend
from skunkqueue.records import Outcome, Verdict
from tests.thorough.web.live_app import app, streams_end
from tests.web.firings import claim, firing

__all__ = ["app", "streams_end"]

NEWEST = "/jobs?state=pending&order=newest"


def tick(page: Page, *numbers: int) -> list[str]:
    """Tick rows, leave the table, and return their ids."""
    boxes = page.locator("main tbody input[type=checkbox]")
    for number in numbers:
        boxes.nth(number).check()
    page.get_by_role("heading", level=1).click()
    return [boxes.nth(number).get_attribute("value") or "" for number in numbers]


def row_at(page: Page) -> str:
    """Return the row in the middle of the window."""
    return str(page.evaluate("document.elementFromPoint(innerWidth / 2, innerHeight / 2).closest('tr').id"))


def test_ticked_rows_stay_where_they_are_while_more_rows_come_than_a_page_has(
    page: Page, store: Backend
) -> None:
    page.goto(NEWEST)
    ticked = tick(page, 0, 2, 4)
    first = page.locator("main tbody tr").first.get_attribute("id")

    store.enqueue([firing(route="late") for _ in range(60)])

    expect(page.locator("#held")).to_contain_text(
        "3 rows are ticked, so the list stands still. 50 or more new rows"
    )
    expect(page.locator("#tab-pending")).to_contain_text("100")
    assert page.locator("main tbody tr").first.get_attribute("id") == first
    expect(page.locator("#ticked")).to_have_text("3 ticked:")
    page.locator("#held button").click()
    expect(page.get_by_role("row").filter(has_text="late")).to_have_count(50)
    for id_ in ticked:
        expect(page.locator(f"#tick-{id_}")).to_be_checked()
    expect(page.locator("#held")).to_be_hidden()


def test_what_a_ticked_row_says_changes(page: Page, store: Backend) -> None:
    page.goto("/jobs?route=route-07")
    (ticked,) = tick(page, 0)

    claim(store, "route-07")

    expect(page.locator(f"#firing-{ticked}")).to_contain_text("running")
    expect(page.locator(f"#tick-{ticked}")).to_be_checked()


def test_unticking_lets_new_rows_come(page: Page, store: Backend) -> None:
    page.goto(NEWEST)
    (ticked,) = tick(page, 1)
    store.enqueue([firing(route="late")])
    expect(page.locator("#held")).to_contain_text("1 row is ticked, so the list stands still. 1 new row")

    page.locator(f"#tick-{ticked}").uncheck()
    page.get_by_role("heading", level=1).click()

    expect(page.get_by_role("row").filter(has_text="late")).to_be_visible()
    expect(page.locator("#held")).to_be_hidden()


def test_ticked_rows_stay_when_no_row_is_left(page: Page, store: Backend) -> None:
    page.goto("/jobs?state=pending&route=route-07")
    (ticked,) = tick(page, 0)

    claim(store, "route-07")

    expect(page.locator("#held")).to_contain_text("1 row has left the list")
    expect(page.locator(f"#tick-{ticked}")).to_be_checked()


def test_rows_stay_under_the_reader_who_has_scrolled_into_a_list(page: Page, store: Backend) -> None:
    page.goto(NEWEST)
    page.evaluate("scrollTo(0, 1200)")
    at, row = page.evaluate("scrollY"), row_at(page)

    store.enqueue([firing(route="late") for _ in range(60)])

    expect(page.locator("#held")).to_contain_text("50 or more new rows")
    assert (page.evaluate("scrollY"), row_at(page)) == (at, row)
    page.locator("#held button").click()
    expect(page.get_by_role("row").filter(has_text="late").first).to_be_in_viewport()
    expect(page.locator("#held")).to_be_hidden()


def test_rows_come_again_when_the_reader_scrolls_back(page: Page, store: Backend) -> None:
    page.goto(NEWEST)
    page.evaluate("scrollTo(0, 1200)")
    store.enqueue([firing(route="late")])
    expect(page.locator("#held")).to_be_visible()

    page.evaluate("scrollTo(0, 0)")

    expect(page.get_by_role("row").filter(has_text="late")).to_be_visible()
    expect(page.locator("#held")).to_be_hidden()


def fail(store: Backend, route: str, error: str) -> None:
    (lent,) = claim(store, route)
    outcome = Outcome(id=lent.id, token=lent.token, verdict=Verdict.ERROR, error=error, began=lent.claimed)
    store.settle([outcome])


def kinds(page: Page) -> list[str]:
    return [text.strip() for text in page.locator(".failures .kind").all_inner_texts()]


def test_groups_of_errors_keep_their_places_and_new_ones_come_first(page: Page, store: Backend) -> None:
    fail(store, "route-01", "KeyError: a")
    fail(store, "route-02", "ValueError: a")
    page.goto("/errors")
    assert kinds(page) == ["ValueError", "KeyError"]

    fail(store, "route-03", "KeyError: b")
    expect(page.get_by_role("row").filter(has_text="KeyError")).to_contain_text("2")
    assert kinds(page) == ["ValueError", "KeyError"]
    fail(store, "route-04", "OSError: b")
    expect(page.locator(".failures .kind")).to_have_count(3)

    assert kinds(page) == ["OSError", "ValueError", "KeyError"]


def test_no_group_of_errors_comes_under_the_pointer(page: Page, store: Backend) -> None:
    fail(store, "route-01", "KeyError: a")
    page.goto("/errors")
    button = page.get_by_role("link", name="Requeue KeyError")
    button.hover()

    fail(store, "route-02", "ValueError: a")
    expect(page.locator("#held")).to_contain_text("1 new row")
    assert kinds(page) == ["KeyError"]
    page.get_by_role("heading", level=1).hover()

    expect(page.locator(".failures .kind")).to_have_count(2)
    expect(page.locator("#held")).to_be_hidden()

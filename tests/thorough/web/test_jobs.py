"""The page of jobs, and what is done from it, in a browser."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Browser, Dialog, Page, Route, expect

from skunkqueue.listings import Query
from skunkqueue.payload import Body, Failure, Step, encode
from skunkqueue.persistence import Backend
from skunkqueue.records import Outcome, State, Verdict
from skunkqueue.serializers.typed import TypedSerializer
from tests.support.chromium import opened
from tests.web.firings import claim, firing

SCRIPT = "<img src=x onerror=alert(1)><script>alert(1)</script>"


def test_firings_are_filtered_paged_through_and_kept_as_a_bookmark(
    page: Page, store: Backend, browser: Browser, address: str
) -> None:
    store.enqueue([firing(job="shop:send", tags=("urgent",)) for _ in range(60)])
    store.enqueue([firing(job="shop:other") for _ in range(3)])

    page.goto("/jobs")
    page.get_by_label("Job", exact=True).fill("shop:send")
    page.get_by_text("More filters").click()
    page.get_by_label("Tag", exact=True).fill("urgent")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("tbody tr")).to_have_count(50)
    assert urlsplit(page.url).query == "job=shop:send&tag=urgent"
    page.get_by_role("link", name="After →").click()
    expect(page.locator("tbody tr")).to_have_count(10)
    bookmark = page.url
    page.get_by_role("link", name="← Before").click()
    expect(page.locator("tbody tr")).to_have_count(50)

    with opened(browser, base_url=address) as other:
        other.goto(bookmark)
        expect(other.locator("tbody tr")).to_have_count(10)
        expect(other.get_by_label("Tag", exact=True)).to_have_value("urgent")


def test_times_are_those_of_the_reader_and_mean_the_same_to_others(
    browser: Browser, address: str, store: Backend
) -> None:
    store.enqueue([firing()])
    with opened(browser, base_url=address, timezone_id="Asia/Tokyo", complaints_about=("400",)) as page:
        page.goto("/jobs")
        page.get_by_text("More filters").click()
        expect(page.locator("#times-hint")).to_contain_text("your time zone, Asia/Tokyo")
        typed = {
            "Enqueued from": "2026-11-28T09:30",
            "Due from": "2026-11-28 09:30:15.5",
            "Finished from": "2026-11-28",
        }
        for label, text in typed.items():
            page.get_by_label(label).fill(text)
        as_they_are = {
            "Enqueued": "2h",
            "Due": "2026-11-28T09:30Z",
            "Finished": "2026-11-31T00:00",
        }
        for label, text in as_they_are.items():
            page.get_by_role("group", name=label).get_by_label("to", exact=True).fill(text)
        page.get_by_role("button", name="Show").click()
        # Not the request: a page that is closed while it waits for an answer may hang.
        page.wait_for_url(re.compile("finished_from"))
        asked = page.url

    assert parse_qs(urlsplit(asked).query, keep_blank_values=False) == {
        "enqueued_from": ["2026-11-28T09:30+09:00"],
        "due_from": ["2026-11-28T09:30:15.5+09:00"],
        "finished_from": ["2026-11-28T00:00+09:00"],
        "enqueued_to": ["2h"],
        "due_to": ["2026-11-28T09:30Z"],
        "finished_to": ["2026-11-31T00:00"],
    }


def test_a_field_that_makes_no_sense_is_marked_and_kept(
    browser: Browser, address: str, store: Backend
) -> None:
    store.enqueue([firing()])
    with opened(browser, base_url=address, complaints_about=("400",)) as page:
        page.goto("/jobs")
        page.get_by_text("More filters").click()
        page.get_by_label("Due from").fill("soonish")
        page.keyboard.press("Enter")

        expect(page.get_by_label("Due from")).to_have_value("soonish")
        expect(page.get_by_label("Due from")).to_have_accessible_description(re.compile("not a moment"))


def test_rows_are_ticked_one_by_one_in_a_range_or_all(page: Page, store: Backend) -> None:
    store.enqueue([firing() for _ in range(6)])
    page.goto("/jobs")
    boxes = page.locator("tbody input[type=checkbox]")
    expect(page.get_by_role("button", name="Kill")).to_be_disabled()

    boxes.nth(1).click()
    boxes.nth(4).click(modifiers=["Shift"])
    expect(page.locator("#ticked")).to_have_text("4 ticked:")
    page.get_by_label("Tick all rows").click()
    expect(page.locator("#ticked")).to_have_text("6 ticked:")
    page.get_by_label("Tick all rows").click()
    expect(page.locator("#ticked")).to_have_text("0 ticked:")
    boxes.nth(0).click()
    boxes.nth(2).click()
    page.get_by_role("button", name="Kill").click()
    expect(page.get_by_role("heading", name="Kill 2 firings?")).to_be_visible()
    page.get_by_label("Reason").fill("they are wrong")
    page.get_by_role("button", name="Kill 2 firings").click()

    expect(page.locator("#messages")).to_have_text("Killed 2 firings.")
    assert store.count(Query(states=(State.KILLED,))).number == 2
    assert store.audit(1).entries[0].why == "they are wrong"


def test_a_second_click_before_the_answer_sends_nothing(page: Page, store: Backend) -> None:
    store.enqueue([firing() for _ in range(3)])
    page.goto("/confirm?verb=kill&all=1&queue=shop")
    sent: list[str] = []
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/do/firings/kill", hold)
    page.on("request", lambda one: sent.append(one.url) if one.method == "POST" else None)
    press = "document.querySelector('form.confirm .button-danger').click()"

    # In one step, since nothing is evaluated while the browser waits for the answer.
    page.evaluate(f"() => {{ setTimeout(() => {press}); setTimeout(() => {press}, 500) }}")
    page.wait_for_timeout(2_000)
    assert len(sent) == 1
    for each in held:
        each.continue_()

    expect(page.get_by_text("It has come to the end")).to_be_visible()


def test_scripts_in_names_arguments_errors_and_addresses_are_text(page: Page, store: Backend) -> None:
    said: list[str] = []

    def hear(dialog: Dialog) -> None:
        said.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", hear)
    step = Step(job=SCRIPT, args=TypedSerializer().dumps_call((SCRIPT,), {}, None))
    made = firing(
        body=encode(Body(steps=(step,))), job=SCRIPT, tags=(SCRIPT[:50],), route=SCRIPT, schedule=SCRIPT
    )
    store.enqueue([made])
    (lent,) = claim(store, SCRIPT)
    store.settle(
        [
            Outcome(
                id=lent.id,
                token=lent.token,
                verdict=Verdict.ERROR,
                error=f"{SCRIPT}: {SCRIPT}",
                result=encode(Failure(SCRIPT, SCRIPT, SCRIPT)),
                began=lent.claimed,
            )
        ]
    )

    for path in (
        "/jobs",
        f"/jobs/{made.id}",
        "/errors",
        "/queues",
        f"/confirm?verb=requeue&all=1&route={SCRIPT}",
    ):
        page.goto(path)
        expect(page.locator("main")).to_contain_text("<script>alert(1)</script>")
        assert page.locator("main script, main img").count() == 0
    page.goto(f"/jobs?job={SCRIPT}&tag={SCRIPT[:50]}&route={SCRIPT}")
    expect(page.locator("tbody tr")).to_have_count(1)
    assert said == []

"""The page of jobs: filters, pages, counts."""

from __future__ import annotations

import html
import re
from typing import Any
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient

from skunkqueue.payload import Body, Step, encode
from skunkqueue.persistence import Backend
from skunkqueue.records import Firing, Outcome, Verdict
from skunkqueue.serializers.typed import TypedSerializer
from skunkqueue.web.source import KEY
from tests.web.crews import add_worker
from tests.web.firings import claim, firing

ROW = re.compile(r'<tr id="firing-(\w+)"')
SCRIPT = "<script>alert(1)</script>"


def shown(client: FlaskClient, url: str) -> list[str]:
    """List the ids of the rows of a page."""
    answer = client.get(url)
    assert answer.status_code == 200, answer.text
    return ROW.findall(answer.text)


def link(text: str, rel: str) -> str | None:
    """Return where the page before or after is."""
    found = re.search(rf'rel="{rel}" href="([^"]+)"', text)
    return None if found is None else found[1].replace("&amp;", "&")


def put(store: Backend, count: int = 1, **fields: Any) -> list[str]:
    made = [firing(**fields) for _ in range(count)]
    store.enqueue(made)
    return [one.id for one in made]


def settle(store: Backend, verdict: Verdict, limit: int = 1, **fields: object) -> list[str]:
    claims = claim(store, limit=limit)
    store.settle(
        [
            Outcome(id=one.id, token=one.token, verdict=verdict, began=one.claimed, took=0.5, **fields)  # type: ignore[arg-type]  # a test names them
            for one in claims
        ]
    )
    return [one.id for one in claims]


def calling(*args: object, **fields: object) -> Firing:
    step = Step(job="shop:send", args=TypedSerializer().dumps_call(args, {}, None))
    return firing(body=encode(Body(steps=(step,))), job="shop:send", **fields)


def test_an_empty_store_says_what_to_do_next(client: FlaskClient) -> None:
    assert "skunq fire" in client.get("/jobs").text


def test_a_filter_without_a_match_says_what_to_do_next(client: FlaskClient, store: Backend) -> None:
    put(store)

    assert "No firing matches" in client.get("/jobs?job=other:job").text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("queue", "other"),
        ("route", "mail"),
        ("job", "shop:send"),
        ("tag", "urgent"),
        ("key", "one"),
        ("schedule", "nightly"),
        ("parent", "f" * 24),
    ],
)
def test_a_word_finds_those_that_have_it(client: FlaskClient, store: Backend, field: str, value: str) -> None:
    fields: dict[str, Any] = {"tags": (value,)} if field == "tag" else {field: value}
    (wanted,) = put(store, **fields)
    put(store)

    assert shown(client, f"/jobs?{field}={value}") == [wanted]


def test_an_id_is_found_with_the_blanks_that_were_copied_with_it(client: FlaskClient, store: Backend) -> None:
    (wanted,) = put(store, parent="f" * 24)
    put(store)

    assert shown(client, f"/jobs?parent=+{'f' * 24}+") == [wanted]


def test_a_type_of_error_and_a_worker_find_what_failed_there(client: FlaskClient, store: Backend) -> None:
    put(store, 2)
    (lent,) = claim(store, worker="worker-x")
    store.settle([Outcome(id=lent.id, token=lent.token, verdict=Verdict.ERROR, error="KeyError: 'a'")])

    assert shown(client, "/jobs?error=KeyError") == [lent.id]
    assert shown(client, "/jobs?worker=worker-x") == [lent.id]
    assert shown(client, "/jobs?error=ValueError") == []


def test_several_states_are_shown_together(client: FlaskClient, store: Backend) -> None:
    put(store, 3)
    (failed,) = settle(store, Verdict.ERROR)
    (killed,) = settle(store, Verdict.KILLED)

    assert set(shown(client, "/jobs?state=error&state=killed")) == {failed, killed}


def test_what_runs_comes_first_then_the_line_then_the_newest_finished(
    client: FlaskClient, store: Backend
) -> None:
    put(store, 3)
    (first,), (second,) = settle(store, Verdict.COMPLETE), settle(store, Verdict.COMPLETE)
    (running,) = claim(store)
    late, soon = put(store, delay=900.0)[0], put(store, delay=10.0)[0]

    assert shown(client, "/jobs") == [running.id, soon, late, second, first]
    assert shown(client, "/jobs?order=newest") == [late, soon, running.id, second, first]
    assert shown(client, "/jobs?order=oldest") == [first, second, running.id, soon, late]


def test_times_are_lengths_or_moments(client: FlaskClient, store: Backend) -> None:
    (soon,), (late,) = put(store, delay=600.0), put(store, delay=7_200.0)

    assert shown(client, "/jobs?due_from=in+5m&due_to=in+1h") == [soon]
    assert shown(client, "/jobs?due_from=in+1h") == [late]
    assert set(shown(client, "/jobs?enqueued_from=1h")) == {soon, late}
    assert shown(client, "/jobs?enqueued_to=2001-02-03T04:05") == []


@pytest.mark.parametrize("order", ["", "newest", "oldest"])
def test_pages_lead_forwards_and_back_over_all_states(
    client: FlaskClient, store: Backend, order: str
) -> None:
    put(store, 9)
    settle(store, Verdict.COMPLETE, 4)
    claim(store, limit=2)
    whole = shown(client, f"/jobs?order={order}" if order else "/jobs")
    assert len(whole) == 9

    url: str | None = f"/jobs?limit=2&order={order}" if order else "/jobs?limit=2"
    pages, texts = [], []
    while url is not None:
        text = client.get(url).text
        texts.append(text)
        pages.append(ROW.findall(text))
        url = link(text, "next")
    assert [id_ for page in pages for id_ in page] == whole
    assert all(pages)

    back = [pages[-1]]
    text = texts[-1]
    while (url := link(text, "prev")) is not None:
        text = client.get(url).text
        back.insert(0, ROW.findall(text))
    assert [id_ for page in back for id_ in page] == whole


def test_the_page_after_one_that_was_gone_back_to_is_the_same_again(
    client: FlaskClient, store: Backend
) -> None:
    put(store, 6)
    settle(store, Verdict.COMPLETE, 3)
    first = client.get("/jobs?limit=2").text
    second = client.get(link(first, "next") or "").text
    third = client.get(link(second, "next") or "").text
    again = client.get(link(third, "prev") or "").text

    assert ROW.findall(again) == ROW.findall(second)
    assert ROW.findall(client.get(link(again, "next") or "").text) == ROW.findall(third)


def test_a_length_of_time_counts_from_the_same_moment_on_all_pages(
    client: FlaskClient, store: Backend
) -> None:
    put(store, 5)
    text = client.get("/jobs?limit=2&enqueued_from=1h").text

    following = link(text, "next")

    assert following is not None
    assert "enqueued_from=1h" in following
    assert len(shown(client, following)) == 2


def test_links_begin_with_the_prefix_of_who_asks(client: FlaskClient, store: Backend) -> None:
    put(store, 3)

    for prefix in ("/one", "/two"):
        text = client.get("/jobs?limit=2", environ_overrides={"SCRIPT_NAME": prefix}).text
        assert (link(text, "next") or "").startswith(f"{prefix}/jobs?")


def test_counts_are_those_at_the_moment_that_lengths_of_time_count_from(
    client: FlaskClient, store: Backend
) -> None:
    put(store, 2)
    now = store.now()

    counts = [
        re.findall(r'id="tab-all"[^>]*>all <span class="tab-count"><span[^>]*>(\d+)<', text)
        for at in (now - 3_600, now + 30)
        for text in [client.get(f"/jobs?enqueued_to=0s&at={at}").text]
    ]

    assert counts == [["0"], ["2"]]


@pytest.mark.parametrize("name", ["_external", "_scheme", "_anchor", "_method", "endpoint", "self", ""])
def test_no_name_of_a_field_leads_elsewhere(client: FlaskClient, name: str) -> None:
    answer = client.get("/jobs", query_string={name: "ftp", "queue": ""})

    assert (answer.status_code, answer.location) == (302, f"/jobs?{name}=ftp")


def test_empty_fields_are_left_out_of_the_address(client: FlaskClient) -> None:
    answer = client.get("/jobs?queue=&route=mail&state=error&state=killed&limit=")

    assert answer.status_code == 302
    assert answer.location == "/jobs?route=mail&state=error&state=killed"


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("enqueued_from=soonish", "is not a moment"),
        ("finished_from=1h&finished_to=2h", "is not after"),
        ("state=eroor", "is not a state"),
        ("limit=201", "cannot be shown at once"),
        ("limit=x", "cannot be shown at once"),
        ("order=up", "is not an order"),
        (f"job={'x' * 201}", "too many"),
        (f"after={'x' * 2_001}", "not a cursor"),
        ("after=0bxyz", "not a cursor"),
        ("after=9", "not a cursor"),
        ("after=0b&before=0b", "one of the two"),
        ("at=nan", "not a moment that has passed"),
        ("parent=0123abcd", "&#39;0123abcd&#39; is not a whole id: one has 24 characters"),
    ],
)
def test_what_makes_no_sense_is_told_and_nothing_typed_is_lost(
    client: FlaskClient, store: Backend, query: str, told: str
) -> None:
    put(store)

    answer = client.get(f"/jobs?queue=shop&tag=urgent&{query}")

    assert answer.status_code == 400
    assert told in answer.text
    assert 'name="queue" value="shop"' in answer.text
    assert 'name="tag" value="urgent"' in answer.text
    assert not ROW.findall(answer.text)


def test_a_wrong_field_is_marked_and_keeps_what_was_typed(client: FlaskClient) -> None:
    text = client.get("/jobs?due_to=soonish").text

    assert 'value="soonish"' in text
    assert 'aria-invalid="true" aria-describedby="wrong-due_to times-hint"' in text
    assert 'id="wrong-due_to"' in text


def test_the_id_of_what_fired_others_may_be_typed_with_blanks_and_large_letters(
    client: FlaskClient, store: Backend
) -> None:
    parent = "0a" * 12
    fired = firing(parent=parent)
    store.enqueue([fired, firing()])

    text = client.get("/jobs", query_string={"parent": f" {parent.upper()} "}).text

    assert ROW.findall(text) == [fired.id]


def test_a_cursor_of_another_filter_is_told(client: FlaskClient, store: Backend) -> None:
    put(store, 3, route="mail")
    following = link(client.get("/jobs?route=mail&limit=1").text, "next")
    assert following is not None

    answer = client.get(following.replace("route=mail", "route=default"))

    assert answer.status_code == 400
    assert "belongs to a listing with other filters" in answer.text


def test_counts_by_state_are_shown(client: FlaskClient, store: Backend) -> None:
    put(store, 5, job="m:one")
    put(store, 2, job="m:two")
    settle(store, Verdict.ERROR, 3)

    text = client.get("/jobs?job=m:one").text

    assert re.search(r'id="tab-pending"[^>]*>pending <span class="tab-count"><span class="number">2<', text)
    assert re.search(r'id="tab-error"[^>]*>error <span class="tab-count"><span class="number">3<', text)
    assert re.search(r'id="tab-all"[^>]*>all <span class="tab-count"><span class="number">5<', text)


@pytest.mark.parametrize(
    ("fields", "told"),
    [({}, "waits for its turn"), ({"delay": 60.0}, "waits for its time")],
)
def test_a_row_says_what_a_pending_one_waits_for(
    client: FlaskClient, store: Backend, fields: dict[str, Any], told: str
) -> None:
    add_worker(store)
    put(store, **fields)

    text = client.get("/jobs").text

    assert told in text
    assert "no worker" not in text


def test_a_row_and_its_page_say_that_a_worker_does_not_know_the_job(
    client: FlaskClient, store: Backend
) -> None:
    add_worker(store)
    (id_,) = put(store)
    before = client.get(f"/jobs/{id_}").text
    (lent,) = store.claim("shop", "default", "w", 1, 60.0)
    error = "JobNotFoundError: module 'm' has no 'one'"
    store.settle([Outcome(id=lent.id, token=lent.token, verdict=Verdict.RELEASE, delay=9.0, error=error)])
    client.application.extensions[KEY].note_news()

    reason = "module &#39;m&#39; has no &#39;one&#39;"
    assert f"job not known: {reason}" in client.get("/jobs").text
    assert (
        f"A worker does not know its job: {reason}. If its code is newer" in client.get(f"/jobs/{id_}").text
    )
    assert "does not know its job" not in before


def test_a_row_says_that_nobody_works_on_its_route(client: FlaskClient, store: Backend) -> None:
    add_worker(store, route="elsewhere")
    put(store)
    put(store, delay=60.0)

    notes = re.findall(r'c-note (\w+)">(.*?)</td>', client.get("/jobs").text, re.DOTALL)

    assert [(look, note.strip()) for look, note in notes] == [
        ("warn", "no worker on its route"),
        ("warn", "waits for its time; no worker on its route"),
    ]


def test_a_pending_firing_says_that_nobody_works_on_its_route_until_somebody_does(
    client: FlaskClient, store: Backend
) -> None:
    (id_,) = put(store)
    alone = client.get(f"/jobs/{id_}").text
    add_worker(store)
    client.application.extensions[KEY].note_change()
    served = client.get(f"/jobs/{id_}").text

    assert "No worker on its route" in alone
    assert "skunq work -q shop -r default" in alone
    assert "No worker on its route" not in served


@pytest.mark.parametrize("route", ["default", None])
def test_the_page_of_a_firing_says_that_its_route_is_paused(
    client: FlaskClient, store: Backend, route: str | None
) -> None:
    (id_,) = put(store)
    add_worker(store)
    store.pause("shop", route)
    held = client.get(f"/jobs/{id_}").text
    store.resume("shop", route)
    client.application.extensions[KEY].note_change()
    free = client.get(f"/jobs/{id_}").text

    assert "Its route is paused" in held
    assert '<a href="/queue?queue=shop&amp;route=default">the route</a>' in held
    assert "Its route is paused" not in free


def test_a_paused_route_is_what_its_firings_wait_for(client: FlaskClient, store: Backend) -> None:
    put(store)
    store.pause("shop", "default")

    assert "its route is paused" in client.get("/jobs").text


def test_a_text_in_the_arguments_finds_its_firings(client: FlaskClient, store: Backend) -> None:
    wanted = [calling("Jed", number) for number in range(3)]
    store.enqueue([*wanted, *(calling("Ann", number) for number in range(5))])

    answer = client.get("/jobs?text=jed")

    assert set(ROW.findall(answer.text)) == {one.id for one in wanted}
    assert "Read the arguments of 8 firings" in answer.text


def test_a_search_for_text_ends_at_a_bound_and_goes_on_from_there(
    client: FlaskClient, store: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skunkqueue.web.searching.MOST_READ", 4)
    made = [calling("Jed" if number in (0, 9) else "Ann") for number in range(10)]
    store.enqueue(made)

    found, url, pages = [], "/jobs?text=jed&limit=2", 0
    while url:
        text = client.get(url).text
        found += ROW.findall(text)
        url, pages = link(text, "next") or "", pages + 1

    assert found == [made[0].id, made[9].id]
    assert pages == 3


def test_what_waits_is_looked_at_though_the_look_at_what_runs_came_to_its_bound(
    client: FlaskClient, store: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skunkqueue.web.searching.MOST_READ", 4)
    store.enqueue([calling("Ann") for _ in range(4)])
    claim(store, limit=4)
    waiting = calling("Jed")
    store.enqueue([waiting])

    assert ROW.findall(client.get("/jobs?text=jed&limit=2").text) == [waiting.id]


def test_a_page_of_a_search_for_text_has_less_than_three_times_as_many_rows_as_asked_for(
    client: FlaskClient, store: Backend
) -> None:
    store.enqueue([calling("Ann") for _ in range(10)])
    store.enqueue([calling("Jed") for _ in range(100)])

    found, url, most = [], "/jobs?text=jed&limit=10", 0
    while url:
        text = client.get(url).text
        rows = ROW.findall(text)
        found += rows
        most = max(most, len(rows))
        url = link(text, "next") or ""

    assert len(found) == len(set(found)) == 100
    assert 10 <= most < 30


def test_names_that_look_like_scripts_are_shown_as_text(client: FlaskClient, store: Backend) -> None:
    put(store, job=SCRIPT, tags=(SCRIPT,), route=SCRIPT, schedule=SCRIPT)
    (lent,) = claim(store, route=SCRIPT)
    store.settle([Outcome(id=lent.id, token=lent.token, verdict=Verdict.ERROR, error=f"X: {SCRIPT}")])

    text = client.get("/jobs", query_string={"job": SCRIPT}).text

    assert ROW.findall(text) == [lent.id]
    assert "<script>alert" not in text
    assert text.count("&lt;script&gt;alert(1)") >= 6


def test_known_names_are_suggested(client: FlaskClient, store: Backend) -> None:
    put(store, job="shop:send", route="mail")

    text = client.get("/jobs").text

    assert '<datalist id="jobs"><option value="shop:send">' in text
    assert '<option value="mail">' in text


def test_firings_without_a_known_job_are_found_by_that(client: FlaskClient, store: Backend) -> None:
    (wanted,) = put(store)
    put(store, job="m:one")

    assert shown(client, "/jobs?job=(unknown)") == [wanted]


def test_what_has_ended_is_found_also_where_the_look_at_what_has_not_came_to_its_bound(
    client: FlaskClient, store: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skunkqueue.web.searching.MOST_READ", 4)
    store.enqueue([calling("Jed"), calling("Jed"), *(calling("Ann") for _ in range(8)), calling("Jed")])
    ended = settle(store, Verdict.COMPLETE, 2)

    text = client.get("/jobs?text=jed&limit=1").text

    assert ROW.findall(text)[0] in ended
    while ROW.findall(text)[0] in ended:
        further = re.search(r'href="([^"]+)">Look further among those that have not ended', text)
        assert further is not None
        text = client.get(html.unescape(further[1])).text
    assert "state-pending" in text


def test_what_failed_is_found_before_what_waits_for_a_retry(client: FlaskClient, store: Backend) -> None:
    put(store, 2)
    (lent,) = claim(store)
    store.settle(
        [Outcome(id=lent.id, token=lent.token, verdict=Verdict.RETRY, error="KeyError: 'a'", delay=60.0)]
    )
    (failed,) = settle(store, Verdict.ERROR, error="KeyError: 'a'")

    assert shown(client, "/jobs?error=KeyError") == [failed, lent.id]


def test_an_error_before_a_success_is_no_alarm(client: FlaskClient, store: Backend) -> None:
    put(store)
    settle(store, Verdict.RETRY, delay=0.0, error="ValueError: no")
    alarming = client.get("/jobs").text
    settle(store, Verdict.COMPLETE, error="ValueError: no")
    fine = client.get("/jobs?state=complete").text

    assert "c-note bad" in alarming
    assert "ValueError: no" in fine
    assert "c-note bad" not in fine


@pytest.mark.parametrize("field", ["queue", "route", "job", "key"])
@pytest.mark.parametrize("other", [" shop", "shop ", " "])
def test_blanks_around_a_name_belong_to_it(
    client: FlaskClient, store: Backend, field: str, other: str
) -> None:
    made = [firing(**{field: name}) for name in ("shop", other)]
    store.enqueue(made)

    for name, one in zip(("shop", other), made, strict=True):
        assert shown(client, f"/jobs?{urlencode({field: name})}") == [one.id]


def test_blanks_around_a_time_do_not_matter(client: FlaskClient, store: Backend) -> None:
    ids = put(store)

    assert shown(client, "/jobs?enqueued_from=%201h%20&enqueued_to=%20") == ids

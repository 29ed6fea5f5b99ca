"""The overview: what needs attention, rates, charts, and how little it asks of the store."""

from __future__ import annotations

import re
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient

from skunkqueue.cli.doctor.finding import PROBLEM, Finding
from skunkqueue.persistence import Backend
from skunkqueue.records import Outcome, Verdict
from skunkqueue.web import attention, pages
from skunkqueue.web.source import KEY
from tests.support.waiting import eventually
from tests.web.crews import add_worker
from tests.web.firings import QUEUE, claim, firing


def text_of(client: FlaskClient, sign: str, url: str = "/") -> str:
    """Get the overview once it has what is looked for in the background."""
    found: str = eventually(lambda: text if sign in (text := client.get(url).text) else "", what=sign)
    return found


def test_a_store_in_which_nothing_is_wrong_says_so(client: FlaskClient) -> None:
    assert "Nothing needs attention" in text_of(client, 'id="fine"')


def test_a_store_without_firings_says_first_what_to_do_and_draws_no_charts(client: FlaskClient) -> None:
    text = client.get("/").text

    assert 0 < text.find("skunq work") < text.find('id="tiles"')
    assert "<figure" not in text


@pytest.mark.parametrize("path", ["/", "/queue?queue=shop&route=mail"])
def test_charts_are_left_out_until_something_was_counted(
    client: FlaskClient, store: Backend, path: str
) -> None:
    add_worker(store, route="mail")

    text = client.get(path).text

    assert "<figure" not in text


@pytest.mark.parametrize("path", ["/", "/queue?queue=shop&route=default"])
def test_times_of_charts_have_the_same_names_on_each_page(
    client: FlaskClient, store: Backend, path: str
) -> None:
    store.enqueue([firing()])

    text = client.get(path).text

    (choice,) = re.findall(r'<nav class="choice".*?</nav>', text, re.DOTALL)
    assert re.findall(r">(\w+)</a>", choice) == ["Hour", "Day", "Month"]


def test_a_route_on_which_nobody_works_needs_attention_and_leads_to_its_page(
    client: FlaskClient, store: Backend
) -> None:
    store.enqueue([firing(route="a/b & c")])

    text = text_of(client, 'id="matter-1"')

    assert "no worker" in text
    (way,) = re.findall(r'id="matter-1".*?href="([^"]+)"', text, re.DOTALL)
    assert client.get(way.replace("&amp;", "&")).status_code == 200


def test_a_route_without_workers_needs_no_attention_once_workers_are_there(
    client: FlaskClient, app: Flask, store: Backend
) -> None:
    store.enqueue([firing(route="orders")])
    assert "no worker" in text_of(client, 'id="matter-1"')

    add_worker(store, route="orders")
    app.extensions[KEY].note_change()

    assert "no worker" not in client.get("/").text
    text_of(client, 'id="fine"')


def test_a_paused_route_needs_no_attention_once_it_goes_on(client: FlaskClient, store: Backend) -> None:
    add_worker(store, route="orders")
    store.enqueue([firing(route="orders")])
    store.pause(QUEUE, "orders")
    assert "is paused" in text_of(client, 'id="matter-1"')

    client.post("/do/route", data={"verb": "resume", "queue": QUEUE, "route": "orders"})

    assert "is paused" not in client.get("/").text
    text_of(client, 'id="fine"')


def test_commands_are_written_as_a_shell_takes_them(client: FlaskClient, store: Backend) -> None:
    (put,) = store.enqueue([firing(route="two words; reboot")])
    store.pause(QUEUE, "odd $HOME")
    store.enqueue([firing(route="odd $HOME")])
    route = client.get("/queue", query_string={"queue": QUEUE, "route": "two words; reboot"}).text

    text = unescape(text_of(client, 'id="matter-1"') + route + client.get(f"/jobs/{put}").text)

    assert text.count("skunq work -q shop -r 'two words; reboot'") == 4
    assert "skunq resume -q shop -r 'odd $HOME'" in text


def test_failing_jobs_need_attention(client: FlaskClient, store: Backend) -> None:
    settle(store, Verdict.ERROR, 12)

    assert "ended as error" in text_of(client, 'id="matter-1"')


def test_a_check_that_fails_hides_no_other(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object, __: object) -> list[Finding]:
        raise RuntimeError("no such luck")

    fine = Finding("routes", PROBLEM, "something is wrong")
    monkeypatch.setattr(attention, "CHECKS", [("odd", broken), ("routes", lambda *_: [fine])])

    text = text_of(client, 'id="matter-1"')

    assert "no such luck" in text
    assert "Something is wrong" in text
    del app


def test_every_kind_of_finding_leads_to_a_page_that_exists(app: Flask, client: FlaskClient) -> None:
    with app.test_request_context():
        for check in ("routes", "errors", "poison", "leases", "workers", "clock", "schedules", "jobs"):
            for about in ({}, {"queue": QUEUE, "route": "r", "name": "n"}):
                url, text = attention._way(Finding(check, PROBLEM, "x", **about))
                assert check in ("routes", "errors", "clock") or url is not None
                assert (url is None) == (text == "")
    del client


def test_the_monitor_registers_no_probe(client: FlaskClient, store: Backend) -> None:
    text_of(client, 'id="fine"')

    assert store.workers() == []
    assert not any(name == "writing" for name, _ in attention.CHECKS)


def test_counts_and_rates_are_shown(client: FlaskClient, store: Backend) -> None:
    store.enqueue([firing() for _ in range(3)])
    settle(store, Verdict.COMPLETE, 2)

    text = client.get("/").text

    assert re.search(r'Pending</span><span class="tile-value">3<', text)


def test_what_came_in_and_was_done_is_a_rate_of_the_last_minutes(client: FlaskClient, store: Backend) -> None:
    store.enqueue([firing(route="mail") for _ in range(50)])
    settle(store, Verdict.COMPLETE, 200)

    text = client.get("/").text

    tiles = dict(re.findall(r'tile-label">(In|Done)</span><span class="tile-value">([^<]+)<', text))
    assert tiles == {"In": "50/min", "Done": "40/min"}


def test_the_busiest_routes_are_shown_in_the_order_of_their_names(
    client: FlaskClient, store: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages.overview, "ROUTES", 3)
    counts = {"b": 2, "d": 1, "a": 3, "c": 4}
    store.enqueue([firing(route=route) for route, count in counts.items() for _ in range(count)])

    assert re.findall(rf'<tr id="route-\d+-{QUEUE}-(\w+)"', client.get("/").text) == ["a", "b", "c"]


def test_the_longest_wait_is_a_length_and_leads_to_the_one_that_waits(
    client: FlaskClient, store: Backend
) -> None:
    waits, later, other = firing(due=store.now() - 200), firing(), firing(route="other", delay=60)
    store.enqueue([waits, later, other])

    (tile,) = re.findall(r"Longest wait</span>.*?</div>", client.get("/").text, re.DOTALL)
    (way,) = re.findall(r'href="([^"]+)"', tile)
    listed = client.get(way.replace("&amp;", "&")).text

    assert re.search(r"data-length>3 m 2\d s<", tile)
    assert waits.id in listed
    assert later.id not in listed


def test_a_firing_that_is_not_due_yet_waits_for_nobody(client: FlaskClient, store: Backend) -> None:
    store.enqueue([firing(route="later", delay=600)])

    (overview,) = re.findall(r"Longest wait</span>.*?</div>", client.get("/").text, re.DOTALL)
    (cell,) = re.findall(r'data-label="Oldest due">(.*?)</td>', client.get("/queues").text)
    (tile,) = re.findall(r'id="oldest">.*?</div>', client.get("/queue?queue=shop&route=later").text)

    assert ">none<" in overview
    assert "<time" not in cell
    assert ">none<" in tile
    assert "next due" in tile


@pytest.mark.parametrize("over", ["hour", "day", "month"])
def test_charts_are_drawn_over_an_hour_a_day_and_a_month(
    client: FlaskClient, store: Backend, over: str
) -> None:
    settle(store, Verdict.COMPLETE, 2)

    text = text_of(client, 'id="chart-flow"', f"/?over={over}")

    assert text.count("<figure") == 5
    assert "style=" not in text


def test_a_time_that_makes_no_sense_is_refused(client: FlaskClient) -> None:
    answer = client.get("/?over=century")

    assert answer.status_code == 400
    assert "hour, day, month" in answer.text


def test_charts_are_of_one_queue_route_or_job_where_asked(client: FlaskClient, store: Backend) -> None:
    store.enqueue([firing(route="mail"), firing(route="reports")])

    text = client.get("/?route=mail").text

    assert re.search(r'Pending</span><span class="tile-value">1<', text)
    assert "show everything" in text


def settle(store: Backend, verdict: Verdict, count: int) -> None:
    store.enqueue([firing(route="done") for _ in range(count)])
    claims = claim(store, "done", limit=count)
    now = store.now()
    store.settle(
        [Outcome(id=each.id, token=each.token, verdict=verdict, began=now - 1, took=1.0) for each in claims]
    )

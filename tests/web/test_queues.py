"""Queues: the list of routes, and the page of one."""

from __future__ import annotations

import html
import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from skunkqueue.clock import monotonic
from skunkqueue.persistence import Backend
from skunkqueue.records import State
from skunkqueue.web import cache, create_app, routes, source
from skunkqueue.web.pages import queues
from skunkqueue.web.rights import Login, Right
from tests.web.firings import QUEUE, claim, firing
from tests.web.monitor_client import MonitorClient


def test_a_store_without_firings_says_what_to_do_next(client: FlaskClient) -> None:
    assert "skunq work" in client.get("/queues").text


def test_a_route_is_shown_with_what_is_pending(client: FlaskClient, store: Backend) -> None:
    store.enqueue([firing(route="mail"), firing(route="mail")])

    text = client.get("/queues").text

    assert "mail" in text
    assert '<span class="number">2</span>' in text


def test_a_name_that_looks_like_a_script_is_shown_as_text(client: FlaskClient, store: Backend) -> None:
    store.enqueue([firing(route="<script>alert(1)</script>")])
    page = {"queue": QUEUE, "route": "<script>alert(1)</script>"}

    for text in (client.get("/queues").text, client.get("/queue", query_string=page).text):
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert" in text


def test_a_routes_page_tells_what_the_pending_ones_wait_for(client: FlaskClient, store: Backend) -> None:
    store.enqueue([firing(), firing(), firing(delay=3_600)])

    text = client.get("/queue?queue=shop&route=default").text

    assert re.search(r'Due</span><span class="tile-value">2<', text)
    assert re.search(r'Later</span><span class="tile-value">1<', text)
    assert "Nobody works on this route" in text


def test_a_routes_page_counts_what_is_due_to_a_bound(
    client: FlaskClient, store: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skunkqueue.web.routes.LOOK", 3)
    store.enqueue([firing() for _ in range(4)])

    text = client.get("/queue?queue=shop&route=default").text

    assert re.search(r'Pending</span><span class="tile-value">4<|Pending</span>.*?>4<', text)
    assert re.search(r'Due</span><span class="tile-value">≥ 3<', text)
    assert re.search(r'Later</span><span class="tile-value">\?<', text)


@pytest.mark.parametrize("address", ["/queue?queue=shop&route=default", "/"])
def test_counts_that_are_some_seconds_old_say_so(
    app: Flask, client: FlaskClient, store: Backend, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    begun = monotonic()
    seconds = [begun]
    monkeypatch.setattr(app.extensions[source.KEY], "_monotonic", lambda: seconds[0])
    # Everything takes long enough to be shown once more while it is counted anew.
    monkeypatch.setattr(cache, "_LONG", 0.0)
    store.enqueue([firing()])

    assert not re.search(r"Counted .* ago", client.get(address).text)
    seconds[0] = begun + 6.0

    assert "Counted 6 s ago." in client.get(address).text


def test_a_route_that_never_was_is_not_found(client: FlaskClient, store: Backend) -> None:
    store.enqueue([firing()])

    answer = client.get("/queue?queue=shop&route=elsewhere")

    assert answer.status_code == 404
    assert "elsewhere" in answer.text


@pytest.mark.parametrize("query", ["", "?queue=shop", "?queue=shop&route=default&over=century"])
def test_an_incomplete_address_is_refused(client: FlaskClient, store: Backend, query: str) -> None:
    store.enqueue([firing()])

    assert client.get(f"/queue{query}").status_code == 400


def test_a_route_is_paused_and_resumed(client: FlaskClient, store: Backend) -> None:
    store.enqueue([firing()])
    about = {"queue": QUEUE, "route": "default"}

    answer = client.post("/do/route", data={**about, "verb": "pause", "why": "a bad deploy"})
    assert answer.status_code == 303
    assert store.routes()[0].paused
    assert "is paused" in client.get("/queue", query_string=about).text
    client.post("/do/route", data={**about, "verb": "resume"})

    assert not store.routes()[0].paused
    entries = store.audit().entries
    assert [entry.verb for entry in entries] == ["resume", "pause"]
    assert entries[1].why == "a bad deploy"


def test_a_whole_queue_is_paused(client: FlaskClient, store: Backend) -> None:
    store.enqueue([firing(), firing(route="mail")])

    client.post("/do/route", data={"queue": QUEUE, "verb": "pause"})

    assert all(info.paused for info in store.routes())


def test_a_purge_is_asked_back_with_the_number(client: FlaskClient, store: Backend) -> None:
    store.enqueue([firing() for _ in range(3)])

    text = client.get("/confirm/purge?queue=shop&route=default").text

    assert "3 pending firings" in text
    assert store.routes()[0].counts[State.PENDING] == 3


def test_a_purge_removes_what_is_pending_and_leaves_what_runs(client: FlaskClient, store: Backend) -> None:
    store.enqueue([firing() for _ in range(3)])
    claim(store)

    answer = client.post("/do/purge", data={"queue": QUEUE, "route": "default"}, follow_redirects=True)

    assert "Removed 2 pending firings" in answer.text
    counts = store.routes()[0].counts
    assert (counts[State.PENDING], counts[State.RUNNING]) == (0, 1)


@pytest.mark.parametrize(
    ("right", "path", "status"),
    [
        (Right.VIEW, "/do/route", 403),
        (Right.ACT, "/do/purge", 403),
        (Right.ACT, "/do/route", 303),
        (Right.ADMIN, "/do/purge", 303),
    ],
)
def test_each_action_needs_its_right(url: str, store: Backend, right: Right, path: str, status: int) -> None:
    store.enqueue([firing()])
    login = Login(name="jed", right=right, by="site")
    mine = create_app(url, authorize=lambda _: login)
    mine.test_client_class = MonitorClient

    answer = mine.test_client().post(path, data={"queue": QUEUE, "route": "default", "verb": "pause"})

    assert answer.status_code == status


def test_no_button_is_shown_to_who_may_not_press_it(url: str, store: Backend) -> None:
    store.enqueue([firing()])
    login = Login(name="jed", right=Right.VIEW, by="site")

    text = (
        create_app(url, authorize=lambda _: login).test_client().get("/queue?queue=shop&route=default").text
    )

    assert "Purge" not in text
    assert "Pause" not in text


@pytest.fixture
def many(store: Backend, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Fire on more routes than a page shows; return their names."""
    monkeypatch.setattr(routes, "MANY", 4)
    monkeypatch.setattr(queues, "SHOWN", 4)
    names = [f"route-{number}" for number in range(10)]
    store.enqueue([firing(route=route) for route in names] + [firing(route="route-7")])
    return names


def shown(text: str) -> list[str]:
    return re.findall(rf'<tr id="route-\d+-{QUEUE}-([^"]+)"', text)


def test_of_very_many_routes_the_busiest_are_shown_first(client: FlaskClient, many: list[str]) -> None:
    text = client.get("/queues").text

    assert shown(text) == ["route-7", *many[:3]]
    assert "10 routes in all" in text


def test_very_many_routes_are_paged_by_name(client: FlaskClient, many: list[str]) -> None:
    found, url = [], "/queues?by=name"
    for _ in range(3):
        text = client.get(url).text
        found += shown(text)
        after = re.search(r'rel="next" href="([^"]+)"', text)
        url = "" if after is None else html.unescape(after[1])

    assert found == many
    assert not url


def test_a_route_is_found_by_a_part_of_its_name(client: FlaskClient, many: list[str]) -> None:
    assert shown(client.get("/queues?text=e-9").text) == many[9:]
    assert "No route has “nobody” in its name" in client.get("/queues?text=nobody").text


def test_a_route_that_is_not_among_the_busiest_has_its_page(client: FlaskClient, many: list[str]) -> None:
    assert client.get(f"/queue?queue={QUEUE}&route={many[9]}").status_code == 200
    assert shown(client.get(f"/?queue={QUEUE}&route={many[9]}").text) == many[9:]


def test_the_overview_adds_up_very_many_routes(client: FlaskClient, many: list[str]) -> None:
    text = client.get("/").text

    assert re.search(r"Pending</span>.*?>11<", text)
    assert f"Of {len(many)} routes" in text


def test_a_cursor_needs_a_queue_and_a_route(client: FlaskClient) -> None:
    assert client.get("/queues?after=default").status_code == 400


def test_what_is_due_on_a_paused_route_is_not_said_to_begin(client: FlaskClient, store: Backend) -> None:
    store.enqueue([firing()])
    store.pause(QUEUE, "default")

    text = client.get("/queue", query_string={"queue": QUEUE, "route": "default"}).text

    assert "held while paused" in text
    assert "could begin now" not in text

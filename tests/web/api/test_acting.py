"""What the API changes, and for whom."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from skunkqueue.persistence import Backend
from skunkqueue.records import Outcome, State, Verdict
from skunkqueue.web import create_app
from skunkqueue.web.access.csrf import HEADER
from tests.support.waiting import eventually
from tests.web.access.conftest import bearer, log_in
from tests.web.crews import add_pool
from tests.web.firings import claim, firing
from tests.web.monitor_client import MonitorClient
from tests.web.schedules import declare


def post(client: FlaskClient, path: str, body: object, *, expect: int = 200, **more: Any) -> Any:
    answer = client.post(f"/api/v1{path}", json=body, **more)
    assert answer.status_code == expect, answer.text
    return json.loads(answer.data)


def pending(store: Backend, number: int = 1, **fields: Any) -> list[str]:
    made = [firing(**fields) for _ in range(number)]
    store.enqueue(made)
    return [each.id for each in made]


def states(store: Backend, ids: list[str]) -> list[State | None]:
    return [None if record is None else record.state for record in store.get(ids)]


def test_firings_are_killed_by_id_with_an_outcome_for_each(client: FlaskClient, store: Backend) -> None:
    ids = pending(store, 2)

    found = post(client, "/jobs/kill", {"ids": [*ids, "unknown"], "why": "not needed"})

    assert found["done"] == 2
    assert found["outcomes"] == [
        {"id": ids[0], "done": True, "state": "pending"},
        {"id": ids[1], "done": True, "state": "pending"},
        {"id": "unknown", "done": False, "state": None},
    ]
    assert states(store, ids) == [State.KILLED, State.KILLED]
    assert store.audit(1).entries[0].why == "not needed"


def test_firings_are_requeued_run_and_deleted(client: FlaskClient, store: Backend) -> None:
    (id_,) = pending(store, delay=3_600.0)

    assert post(client, "/jobs/requeue", {"ids": [id_]})["outcomes"] == [
        {"id": id_, "done": False, "state": "pending"}
    ]
    assert post(client, "/jobs/run", {"ids": [id_]})["done"] == 1
    (claimed,) = claim(store)
    store.settle([Outcome(id=id_, token=claimed.token, verdict=Verdict.COMPLETE)])
    assert post(client, "/jobs/kill", {"ids": [id_]})["outcomes"] == [
        {"id": id_, "done": False, "state": "complete"}
    ]
    assert post(client, "/jobs/requeue", {"ids": [id_]})["done"] == 1
    assert post(client, "/jobs/delete", {"ids": [id_]})["done"] == 1
    assert states(store, [id_]) == [None]


def test_all_that_a_filter_matches_is_done_in_the_background(client: FlaskClient, store: Backend) -> None:
    ids = pending(store, 30, route="mail")
    (other,) = pending(store, route="other")

    begun = post(client, "/jobs/kill", {"filter": {"route": "mail"}, "why": "too many"}, expect=202)

    assert begun["matched"] == {"number": 30, "exact": True}
    path = f"/api/v1/operations/{begun['operation']}"
    found = eventually(lambda: (got := json.loads(client.get(path).data))["state"] == "done" and got)
    assert isinstance(found, dict)
    assert (found["done"], found["seen"], found["who"]) == (30, 30, "web@127.0.0.1")
    assert set(states(store, ids)) == {State.KILLED}
    assert states(store, [other]) == [State.PENDING]
    (entry,) = store.audit(1).entries
    assert (entry.why, found["why"], found["entry"]) == ("too many", "too many", entry.id)
    assert json.loads(client.get("/api/v1/operations").data)["operations"][0]["id"] == begun["operation"]
    assert post(client, f"/operations/{begun['operation']}/stop", {}, expect=202)["state"] == "done"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"ids": []},
        {"filter": {}},
        {"ids": ["a"], "filter": {"queue": "shop"}},
        {"filter": {"rout": "mail"}},
        {"ids": "a"},
        {"ids": ["a"] * 1_001},
        {"ids": ["a"], "why": "x" * 501},
        {"ids": [None]},
        {"filter": {"state": ["lost"]}},
        [],
        "kill",
    ],
)
def test_an_order_that_makes_no_sense_changes_nothing(
    client: FlaskClient, store: Backend, body: object
) -> None:
    ids = pending(store, 3)

    found = post(client, "/jobs/kill", body, expect=400)

    assert found["detail"]
    assert set(states(store, ids)) == {State.PENDING}
    assert store.audit(1).entries == ()


def test_what_is_not_json_is_refused(client: FlaskClient) -> None:
    assert client.post("/api/v1/jobs/kill", data="ids=a").status_code == 415
    assert client.post("/api/v1/jobs/kill", data=b"\xff", content_type="application/json").status_code == 400
    assert (
        client.post("/api/v1/jobs/kill", data=b"[" * 100_000, content_type="application/json").status_code
        == 400
    )


def test_routes_are_paused_resumed_and_purged(client: FlaskClient, store: Backend) -> None:
    pending(store, 5, route="mail")

    post(client, "/routes/pause", {"queue": "shop", "route": "mail"})
    assert store.routes()[0].paused
    post(client, "/routes/resume", {"queue": "shop", "route": "mail"})
    assert not store.routes()[0].paused
    assert post(client, "/routes/purge", {"queue": "shop"})["removed"] == 5


@pytest.mark.usefixtures("strategies")
def test_schedules_are_paused_resumed_run_and_removed(client: FlaskClient, store: Backend) -> None:
    declare(store, "hourly")
    named = {"queue": "shop", "name": "hourly"}

    (listed,) = json.loads(client.get("/api/v1/schedules").data)["schedules"]
    assert (listed["name"], listed["state"]) == ("hourly", "waiting")
    assert post(client, "/schedules/pause", named) == {"changed": True}
    assert post(client, "/schedules/pause", named) == {"changed": False}
    assert post(client, "/schedules/resume", named) == {"changed": True}
    assert post(client, "/schedules/run", named) == {"changed": True}
    assert post(client, "/schedules/remove", named) == {"changed": True}
    assert "no schedule" in post(client, "/schedules/run", named, expect=404)["detail"]


@pytest.mark.parametrize("verb", ["quiet", "resume", "stop", "rough", "restart"])
def test_a_pool_is_told(client: FlaskClient, store: Backend, verb: str) -> None:
    pool = add_pool(store)

    sent = post(client, f"/pools/{pool.id}/{verb}", {}, expect=202)

    assert [command.verb for command in store.listen(pool.id, 0)] == [verb]
    assert store.audit(1).entries[0].id == sent["entry"]


@pytest.mark.parametrize("verb", ["quiet", "resume", "stop", "rough", "restart"])
def test_a_worker_is_told(client: FlaskClient, store: Backend, verb: str) -> None:
    pool = add_pool(store)
    worker = pool.processes[0].worker

    post(client, f"/workers/{worker}/{verb}", {}, expect=202)

    assert [(each.verb, each.worker) for each in store.listen(pool.id, 0)] == [(verb, worker)]
    assert post(client, f"/workers/none/{verb}", {}, expect=404)["status"] == 404
    assert post(client, "/pools/none/stop", {}, expect=404)["status"] == 404


# --- as closed as the pages -------------------------------------------------------------------------


def test_a_token_needs_no_form_token(locked: MonitorClient, store: Backend) -> None:
    ids = pending(store)

    post(locked, "/jobs/kill", {"ids": ids}, headers=bearer("act"), form_token=False)

    assert states(store, ids) == [State.KILLED]
    assert store.audit(1).entries[0].who == "@act"


def test_an_empty_list_of_states_does_not_mean_all(client: MonitorClient, store: Backend) -> None:
    ids = pending(store)

    post(client, "/jobs/delete", {"filter": {"state": []}}, expect=400)

    assert states(store, ids) == [State.PENDING]


def test_a_session_needs_one(locked: MonitorClient, store: Backend) -> None:
    ids = pending(store)
    log_in(locked, "act")

    post(locked, "/jobs/kill", {"ids": ids}, form_token=False, expect=403)
    assert states(store, ids) == [State.PENDING]

    post(locked, "/jobs/kill", {"ids": ids}, headers={HEADER: locked.token()}, form_token=False)
    assert states(store, ids) == [State.KILLED]


def test_without_logins_a_program_needs_none_and_a_browser_does(
    client: MonitorClient, store: Backend
) -> None:
    first, second = pending(store, 2)

    post(client, "/jobs/kill", {"ids": [first]}, form_token=False)
    for headers in (
        {"Origin": "http://localhost"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Referer": "http://localhost/"},
    ):
        post(client, "/jobs/kill", {"ids": [second]}, headers=headers, form_token=False, expect=403)
    # What a form of another site can send, should its browser not say where it comes from.
    text = json.dumps({"ids": [second]})
    answer = client.post("/api/v1/jobs/kill", data=text, content_type="text/plain", form_token=False)
    assert answer.status_code == 403
    assert states(store, [first, second]) == [State.KILLED, State.PENDING]


@pytest.mark.parametrize(("name", "status"), [("view", 403), ("act", 200)])
def test_rights_are_those_of_the_pages(locked: MonitorClient, store: Backend, name: str, status: int) -> None:
    ids = pending(store)

    post(locked, "/jobs/run", {"ids": ids}, headers=bearer(name), expect=status)
    post(locked, "/jobs/delete", {"ids": ids}, headers=bearer(name), expect=403)

    assert states(store, ids) == [State.PENDING]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"idz": ["a"]}, "the body has no field 'idz': its fields are ids, filter, why"),
        ({"ids": [1]}, "ids[0] must be text, not a whole number"),
        ({"filter": {"state": ["lost"]}}, "filter.state[0] must be one of pending, running"),
        ({"filter": {"sate": "x"}}, "filter has no field 'sate': its fields are queue, route, state"),
        (["a"], "the body must be an object, not a list"),
    ],
)
def test_a_body_that_makes_no_sense_is_told_in_words(client: FlaskClient, body: object, told: str) -> None:
    answer = client.post("/api/v1/jobs/kill", json=body)

    assert answer.status_code == 400
    assert told in json.loads(answer.data)["detail"]


def test_a_body_that_is_too_large_is_told_with_the_way_out(client: FlaskClient) -> None:
    answer = client.post("/api/v1/jobs/kill", json={"ids": ["a" * 24] * 20_000})

    assert answer.status_code == 413
    assert (
        "262,144 bytes are the most. Send fewer at a time, or a filter" in json.loads(answer.data)["detail"]
    )


def test_a_program_that_may_not_is_told_how_it_may(url: str, store: Backend) -> None:
    client = create_app(url, read_only=True).test_client()
    refused = client.post("/api/v1/jobs/kill", json={"ids": ["a" * 24]})
    odd = create_app(url).test_client().post("/api/v1/jobs/kill", data="ids=1")

    assert (refused.status_code, odd.status_code) == (403, 403)
    assert "Use one that was not" in json.loads(refused.data)["detail"]
    assert "Authorization: Bearer TOKEN" in json.loads(odd.data)["detail"]
    del store

"""Commands to workers and pools from their pages."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from skunkqueue.persistence import Backend
from skunkqueue.web.source import KEY, Source
from tests.web.crews import add_pool, add_worker, heard
from tests.web.firings import claim, firing


@pytest.mark.parametrize("verb", ["quiet", "resume", "restart", "stop", "rough"])
def test_a_worker_is_told(client: FlaskClient, store: Backend, verb: str) -> None:
    worker = add_worker(store)

    answer = client.post("/do/worker", data={"verb": verb, "id": worker, "why": "it is old"})

    (entry,) = store.audit().entries
    assert answer.status_code == 303
    assert answer.location == f"/workers/{worker}?entry={entry.id}"
    assert (entry.verb, entry.on, entry.why) == (verb, f"worker {worker}", "it is old")
    assert [(command.verb, command.id) for command in heard(store, worker)] == [(verb, entry.id)]


@pytest.mark.parametrize("verb", ["quiet", "resume", "restart", "stop", "rough"])
def test_a_pool_is_told(client: FlaskClient, store: Backend, verb: str) -> None:
    pool = add_pool(store)

    answer = client.post("/do/pool", data={"verb": verb, "id": pool.id, "next": "/workers?queue=shop"})

    (entry,) = store.audit().entries
    assert answer.location == f"/workers?queue=shop&entry={entry.id}"
    assert [command.verb for command in heard(store, pool.id)] == [verb]


def test_the_way_of_a_command_is_shown(app: Flask, client: FlaskClient, store: Backend) -> None:
    source: Source = app.extensions[KEY]
    worker = add_worker(store)
    page = client.post("/do/worker", data={"verb": "stop", "id": worker}).location
    (entry,) = store.audit().entries

    sent = client.get(page).text
    store.note_entry(entry.id, heard=True)
    source.note_news()
    half = client.get(page).text
    store.note_entry(entry.id, did="ended with code 0", done=True)
    source.note_news()
    done = client.get(page).text

    assert "not heard yet" in sent
    assert "heard after" in half
    assert "not done yet" in half
    assert "done after" in done
    assert "ended with code 0" in done


def test_commands_of_a_worker_stay_on_its_page(client: FlaskClient, store: Backend) -> None:
    worker, other = add_worker(store), add_worker(store)
    client.post("/do/worker", data={"verb": "stop", "id": worker, "why": "for a reason"})

    assert "for a reason" in client.get(f"/workers/{worker}").text
    assert "for a reason" not in client.get(f"/workers/{other}").text


def test_confirming_says_how_much_is_touched(client: FlaskClient, store: Backend) -> None:
    pool = add_pool(store, workers=2)
    store.enqueue([firing(job="shop:sell") for _ in range(3)])
    claim(store, limit=3, worker=pool.processes[0].worker)

    of_pool = client.get("/confirm/pool", query_string={"verb": "rough", "id": pool.id}).text
    of_worker = client.get(
        "/confirm/worker", query_string={"verb": "stop", "id": pool.processes[1].worker}
    ).text

    assert "<strong>2 workers</strong> and <strong>3 running firings</strong> are touched" in of_pool
    assert "<strong>1 worker</strong> and <strong>0 running firings</strong> are touched" in of_worker


def test_confirming_changes_nothing(client: FlaskClient, store: Backend) -> None:
    pool = add_pool(store)

    client.get("/confirm/pool", query_string={"verb": "stop", "id": pool.id})

    assert store.audit().entries == ()
    assert heard(store, pool.id) == []


def test_a_worker_that_ended_meanwhile_is_told_so(client: FlaskClient) -> None:
    answer = client.post("/do/worker", data={"verb": "stop", "id": "gone"}, follow_redirects=True)

    assert "Worker gone has ended, so nothing was sent." in answer.text


def test_a_pool_that_ended_meanwhile_is_told_so(client: FlaskClient) -> None:
    answer = client.post("/do/pool", data={"verb": "stop", "id": "gone"}, follow_redirects=True)

    assert "Pool gone has ended, so nothing was sent." in answer.text


@pytest.mark.parametrize("verb", ["kill", "", "<script>"])
def test_other_verbs_are_refused(client: FlaskClient, store: Backend, verb: str) -> None:
    answer = client.post("/do/worker", data={"verb": verb, "id": add_worker(store)})

    assert answer.status_code == 400
    assert "the parameter verb=" in answer.text
    assert "<script>" not in answer.text.partition("<main")[2]
    assert store.audit().entries == ()


@pytest.mark.parametrize(
    "elsewhere",
    [
        "//evil.example/x",
        "https://evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "/\t/evil",
    ],
)
def test_an_action_leads_to_no_other_site(client: FlaskClient, store: Backend, elsewhere: str) -> None:
    worker = add_worker(store)

    answer = client.post("/do/worker", data={"verb": "stop", "id": worker, "next": elsewhere})

    assert answer.location.startswith(f"/workers/{worker}?entry=")

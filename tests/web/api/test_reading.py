"""What the API answers to those who read."""

from __future__ import annotations

import gc
import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from skunkqueue.payload import Body, Failure, Step, encode
from skunkqueue.persistence import Backend
from skunkqueue.plugins import hookimpl
from skunkqueue.plugins.notify import Notifier
from skunkqueue.records import Outcome, Verdict
from skunkqueue.serializers.typed import TypedSerializer
from skunkqueue.web import redaction
from skunkqueue.web.api import routes
from skunkqueue.web.api.times import moment, seconds
from skunkqueue.web.redaction import Redactor
from tests.web.crews import add_pool
from tests.web.firings import claim, firing

Put = Callable[..., str]


def read(client: FlaskClient, path: str, *, expect: int = 200) -> Any:
    answer = client.get(f"/api/v1{path}")
    assert answer.status_code == expect, answer.text
    return json.loads(answer.data)


@pytest.fixture
def put(store: Backend) -> Put:
    """Put in a firing that calls ``shop:send`` with these arguments."""

    def put(*args: object, route: str = "default", **kwargs: object) -> str:
        step = Step(job="shop:send", args=TypedSerializer().dumps_call(args, kwargs, None))
        made = firing(body=encode(Body(steps=(step,))), job="shop:send", route=route)
        store.enqueue([made])
        return made.id

    return put


def settle(store: Backend, verdict: Verdict = Verdict.COMPLETE, **fields: Any) -> str:
    (claimed,) = claim(store)
    known = {"queue": claimed.queue, "route": claimed.route, "was_due": claimed.due, "job": claimed.job}
    fields = {"began": claimed.due, "took": 1.5, **known, **fields}
    assert store.settle([Outcome(id=claimed.id, token=claimed.token, verdict=verdict, **fields)]) == []
    return claimed.id


def test_routes_are_paged_and_found_by_a_text(client: FlaskClient, put: Put) -> None:
    names = ["a", "b", "c", "mail", "mail-2"]
    for name in names:
        put(route=name)
    first = read(client, "/routes?limit=3")
    second = read(client, f"/routes?limit=3&cursor={first['next']}")

    assert [each["route"] for each in first["routes"] + second["routes"]] == names
    assert second["next"] is None
    assert [each["route"] for each in read(client, "/routes?text=mail")["routes"]] == ["mail", "mail-2"]


def test_routes_have_counts_and_workers(client: FlaskClient, store: Backend, put: Put) -> None:
    put(route="mail")
    put(route="mail")
    add_pool(store)

    routes = {each["route"]: each for each in read(client, "/routes")["routes"]}

    assert routes["mail"]["counts"]["pending"] == 2
    assert routes["mail"]["oldest_wait"] >= 0
    assert read(client, "/routes?queue=other")["routes"] == []


def test_jobs_are_found_by_all_that_is_given(client: FlaskClient, put: Put) -> None:
    mail = put(1, route="mail")
    put(2, route="reports")

    assert [row["id"] for row in read(client, "/jobs?route=mail&state=pending&state=error")["jobs"]] == [mail]
    assert read(client, "/jobs?route=mail&state=error")["jobs"] == []
    assert len(read(client, "/jobs?text=2")["jobs"]) == 1


def test_jobs_are_found_by_the_one_that_fired_them(client: FlaskClient, store: Backend, put: Put) -> None:
    parent = put()
    fired = firing(parent=parent)
    store.enqueue([fired])

    (row,) = read(client, f"/jobs?parent={parent}")["jobs"]
    assert (row["id"], row["parent"]) == (fired.id, parent)


def test_the_start_of_the_id_of_what_fired_others_is_refused(client: FlaskClient, put: Put) -> None:
    answer = client.get(f"/api/v1/jobs?parent={put()[:8]}")

    assert answer.status_code == 400
    assert answer.json == {
        "title": "Bad Request",
        "status": 400,
        "detail": "parent must have at least 24 characters",
    }


@pytest.mark.parametrize("order", ["line", "newest", "oldest"])
def test_pages_lead_to_all_jobs_and_back(client: FlaskClient, put: Put, order: str) -> None:
    ids = {put(number) for number in range(7)}
    found: list[str] = []
    first = page = read(client, f"/jobs?limit=3&order={order}")
    while True:
        found += [row["id"] for row in page["jobs"]]
        if page["next"] is None:
            break
        page = read(client, f"/jobs?limit=3&order={order}&cursor={page['next']}")

    assert len(found) == 7
    assert set(found) == ids
    back = read(client, f"/jobs?limit=3&order={order}&cursor={page['previous']}")
    assert [row["id"] for row in back["jobs"]] == found[3:6]
    assert first["previous"] is None


def test_each_job_is_told_once_where_a_look_comes_to_its_bound(
    client: FlaskClient, store: Backend, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skunkqueue.web.searching.MOST_READ", 4)
    wanted = [put("Jed") for _ in range(3)]
    assert sorted(settle(store) for _ in wanted) == sorted(wanted)
    for _ in range(6):
        put("Ann")
    wanted.append(put("Jed"))

    first = page = read(client, "/jobs?text=jed&limit=2")
    found = [row["id"] for row in page["jobs"]]
    while page["next"] is not None:
        page = read(client, f"/jobs?text=jed&limit=2&cursor={page['next']}")
        found += [row["id"] for row in page["jobs"]]

    assert sorted(found) == sorted(wanted)
    assert (first["jobs"], first["complete"]) == ([], False)


def test_a_job_is_told_with_its_call(client: FlaskClient, put: Put) -> None:
    found = read(client, f"/jobs/{put('Jed', times=3)}")

    assert found["state"] == "pending"
    (call,) = found["calls"]
    assert call["line"] == "send('Jed', times=3)"
    assert [(each["name"], each["value"]["value"]) for each in call["arguments"]] == [
        (None, "Jed"),
        ("times", 3),
    ]


def test_integers_that_readers_would_round_are_texts(client: FlaskClient, store: Backend, put: Put) -> None:
    largest = 2**53 - 1
    id_ = put(largest, largest + 1, -(10**40), [largest + 1], deep={"a": largest + 2})
    settle(store, result=TypedSerializer().dumps({"n": 2**64}, "result"))

    found = read(client, f"/jobs/{id_}")

    values = [each["value"]["value"] for each in found["calls"][0]["arguments"]]
    assert values == [largest, str(largest + 1), str(-(10**40)), [str(largest + 1)], {"a": str(largest + 2)}]
    assert found["result"]["value"] == {"n": str(2**64)}


@pytest.mark.parametrize("value", ["\ud800", float("nan"), float("inf"), b"\xff\x00", {1: 2}, {"\udfff": 1}])
def test_what_json_cannot_attempt_state_is_told_all_the_same(
    client: FlaskClient, put: Put, value: object
) -> None:
    try:
        id_ = put(value)
    except (ValueError, TypeError):
        pytest.skip("this value cannot be stored at all")

    assert read(client, f"/jobs/{id_}")["calls"][0]["arguments"][0]["value"]["text"]


def test_a_large_value_is_cut_and_shown_whole_when_asked_for(client: FlaskClient, put: Put) -> None:
    id_ = put("x" * 50_000)

    cut = read(client, f"/jobs/{id_}")["calls"][0]["arguments"][0]["value"]
    whole = read(client, f"/jobs/{id_}?whole=true")["calls"][0]["arguments"][0]["value"]

    assert cut["left"] > 40_000
    assert "value" not in cut
    assert whole["value"] == "x" * 50_000


def test_results_are_told_in_the_order_of_the_ids(client: FlaskClient, store: Backend, put: Put) -> None:
    done = put()
    settle(store, result=TypedSerializer().dumps(42, "result"))
    failed = put()
    settle(store, Verdict.ERROR, result=encode(Failure("OSError", "no route", "")), error="OSError: no route")

    first, second, third = read(client, f"/results?id={failed}&id=unknown&id={done}")["results"]

    assert (first["state"], first["error"], first["result"]) == ("error", "OSError: no route", None)
    assert (second["id"], second["state"]) == ("unknown", None)
    assert third["result"]["value"] == 42


def test_failures_are_grouped(client: FlaskClient, store: Backend, put: Put) -> None:
    for number in range(3):
        put()
        settle(
            store, Verdict.ERROR, result=encode(Failure("OSError", "x", "")), error=f"OSError: port {number}"
        )

    (group,) = read(client, "/errors")["errors"]

    assert (group["count"], group["error"], group["job"]) == (3, "OSError", "shop:send")
    assert read(client, "/errors?job=other")["errors"] == []


def test_answers_for_many_times_take_little_memory(client: FlaskClient, store: Backend) -> None:
    store.enqueue([firing(job="shop:send") for _ in range(400)])
    lines = [
        Outcome(id=one.id, token=one.token, verdict=Verdict.ERROR, error=f"OSError: {'x' * 100} {number}")
        for number, one in enumerate(claim(store, limit=400))
    ]
    store.settle(lines)
    read(client, "/errors?since=2000-01-01T00:00:00Z")
    tracemalloc.start()
    try:
        for second in range(60):
            (group,) = read(client, f"/errors?since=2001-01-01T00:00:{second:02}Z")["errors"]
            assert group["count"] == 400
        gc.collect()
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    # The failures of each time would be some 20 MB.
    assert taken < 4_000_000


class Hides:
    @hookimpl
    def skunkqueue_redact(self, where: str) -> str | None:
        return "(a secret)" if where in ("kwargs.pin", "error", "result", "attempt") else None


def test_what_a_plugin_hides_is_hidden_from_programs_as_well(
    app: Flask, client: FlaskClient, store: Backend, put: Put
) -> None:
    notifier = Notifier()
    assert notifier.add(Hides(), "ours")
    app.extensions[redaction.KEY] = Redactor(notifier)
    put("Jed", pin="hunter2")
    settle(store, result=TypedSerializer().dumps("hunter2", "result"))
    failed = put(pin="hunter2")
    failure = encode(Failure("OSError", "hunter2", "hunter2"))
    settle(store, Verdict.ERROR, result=failure, error="OSError: hunter2")
    done = read(client, "/jobs?state=complete")["jobs"][0]["id"]

    for path in (f"/jobs/{done}", f"/jobs/{failed}", "/jobs", "/errors", f"/results?id={done}&id={failed}"):
        answer = client.get(f"/api/v1{path}")
        assert answer.status_code == 200
        assert "hunter2" not in answer.text, path
    assert read(client, f"/jobs/{done}")["calls"][0]["arguments"][0]["value"]["value"] == "Jed"
    assert read(client, "/jobs?text=hunter2")["jobs"] == []


def test_counters_tell_what_happened_with_percentiles(client: FlaskClient, store: Backend, put: Put) -> None:
    for _ in range(4):
        put()
        settle(store, took=2.0)

    (step,) = read(client, "/counters?queue=shop&route=default")["steps"]
    (total,) = read(client, "/totals")["totals"]

    for found in (step, total):
        assert (found["enqueued"], found["complete"], found["run"]["count"]) == (4, 4, 4)
        assert found["run"]["p50"] == pytest.approx(2.0, rel=0.1)
        assert found["run"]["mean"] == pytest.approx(2.0)
    assert total["job"] == "shop:send"
    assert read(client, "/counters?job=other")["steps"] == []
    assert len(read(client, "/counters?step=hour&job=shop:send")["steps"]) == 1


def test_counts_are_by_job_and_state(client: FlaskClient, put: Put) -> None:
    put()

    (count,) = read(client, "/counts")["counts"]

    assert (count["job"], count["counts"]["pending"]) == ("shop:send", 1)


def test_workers_and_pools_are_told(client: FlaskClient, store: Backend) -> None:
    pool = add_pool(store, workers=2)

    workers = read(client, "/workers")["workers"]
    (told,) = read(client, "/pools")["pools"]

    assert len(workers) == len(told["workers"]) == 2
    assert told["id"] == pool.id
    assert read(client, f"/workers/{workers[0]['id']}")["rss"] == 64 << 20
    assert read(client, f"/pools/{pool.id}")["state"] == "running"
    for path in ("/workers/none", "/pools/none", "/jobs/none", "/operations/none"):
        assert read(client, path, expect=404)["status"] == 404


def test_schedules_and_their_history_are_told(client: FlaskClient) -> None:
    assert read(client, "/schedules")["schedules"] == []
    for path in ("/schedule", "/history"):
        assert "no schedule" in read(client, f"{path}?queue=shop&name=x", expect=404)["detail"]


def test_the_audit_log_is_told(client: FlaskClient, store: Backend) -> None:
    pool = add_pool(store)
    client.post(f"/api/v1/pools/{pool.id}/quiet", json={"why": "a release"})

    (entry,) = read(client, "/audit")["entries"]

    assert (entry["who"], entry["why"], entry["verb"]) == ("web@127.0.0.1", "a release", "quiet")
    assert read(client, f"/audit?id={entry['id']}")["entries"] == [entry]
    assert read(client, "/audit?who=nobody")["entries"] == []


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/jobs?sate=error", "'sate' is not a parameter"),
        ("/jobs?limit=1001", "limit"),
        ("/jobs?limit=0", "limit"),
        ("/jobs?limit=x", "limit"),
        ("/jobs?limit=1&limit=2", "'limit' is given 2 times"),
        ("/jobs?state=lost", "lost"),
        ("/jobs?queue=" + "x" * 201, "queue"),
        ("/jobs?finished_from=1", "is not a moment"),
        ("/jobs?finished_from=2026-11-28T12:00", "finished_from"),
        ("/counters?step=second", "step"),
        ("/results?" + "&".join(f"id={number}" for number in range(101)), "id"),
        ("/plugins?x=1", "it has none"),
        ("/schedule?queue=x", "name"),
    ],
)
def test_what_makes_no_sense_is_a_problem_that_names_it(client: FlaskClient, path: str, told: str) -> None:
    assert told in read(client, path, expect=400)["detail"]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/jobs?limit=1001", "limit must be at most 1000"),
        ("/jobs?limit=x", "limit must be a whole number, not text"),
        (
            "/jobs?state=lost",
            "state[0] must be one of pending, running, complete, error, killed, expired, not 'lost'",
        ),
        ("/jobs?order=up", "order must be one of line, newest, oldest, not 'up'"),
        ("/jobs?queue=" + "x" * 201, "queue must have at most 200 characters"),
        ("/results?" + "&".join(f"id={number}" for number in range(101)), "id must have at most 100 entries"),
        ("/schedule?queue=x", "the address needs the field 'name'"),
    ],
)
def test_what_makes_no_sense_is_told_in_words_with_what_to_give(
    client: FlaskClient, path: str, told: str
) -> None:
    assert read(client, path, expect=400)["detail"] == told


@pytest.mark.parametrize(
    ("path", "way_out"),
    [("/nope", "/api/v1/openapi.json has all"), ("/jobs?cursor=nope", "'nope' is not a cursor of this list")],
)
def test_what_is_not_found_leads_on(client: FlaskClient, path: str, way_out: str) -> None:
    assert way_out in read(client, path, expect=404)["detail"]


def test_times_go_there_and_back() -> None:
    for at in (0.0, 1_764_331_200.25, -1.5):
        assert seconds(moment(at)) == at
    for far in (1e18, -1e18, float("inf"), float("nan")):
        assert moment(far).year in (1, 1970, 9999)


def test_counters_of_too_many_routes_are_refused(
    client: FlaskClient, store: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.enqueue([firing(route=f"route {number}") for number in range(3)])
    monkeypatch.setattr(routes, "MOST_COUNTERS", 150)

    refused = client.get("/api/v1/counters")

    assert refused.status_code == 400
    assert "over 2 routes over 61 steps" in json.loads(refused.data)["detail"]
    assert read(client, "/counters?route=route+1")["steps"] != []
    assert read(client, "/counters?step=hour")["steps"] != []

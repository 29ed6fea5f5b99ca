"""Operations in the background: bounded, with progress, stopped when told to, and how they end."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence

import pytest
from flask.testing import FlaskClient

from skunkqueue.bulk import Bulk
from skunkqueue.control import Control
from skunkqueue.errors import BackendError
from skunkqueue.listings import Query, Row
from skunkqueue.persistence import Backend
from skunkqueue.records import State
from skunkqueue.web.operations import (
    MAX_REMEMBERED,
    MAX_RUNNING,
    Operation,
    Operations,
    TooManyOperationsError,
)
from tests.support.waiting import PATIENCE, eventually
from tests.web.firings import QUEUE, firing
from tests.web.forms import press
from tests.web.held import Hold


def bulk(store: Backend, count: int = 1) -> Bulk:
    store.enqueue([firing() for _ in range(count)])
    return Bulk(Control(store, "ann"), "kill", Query())


def over(known: Operations, id_: str) -> Operation:
    """Wait until an operation has ended."""

    def ended() -> list[Operation]:
        return [one for one in known.all() if one.id == id_ and one.is_over]

    (operation,) = eventually(ended)
    return operation


def test_an_operation_runs_in_the_background_and_ends(known: Operations, hold: Hold) -> None:
    held = hold(3)

    begun = known.start(held.bulk, "ann", "Kill all")
    assert (begun.state, begun.progress, begun.verb) == ("running", None, "kill")
    held.go_on.set()

    done = over(known, begun.id)
    assert (done.state, done.who, done.about) == ("done", "ann", "Kill all")
    assert done.progress is not None
    assert done.progress.done == 3


def test_an_operation_begins_when_it_is_started_and_not_when_its_firings_were_counted(
    known: Operations, store: Backend
) -> None:
    counted = store.now() - 3_600
    work = Bulk(Control(store, "ann"), "kill", Query(), began=counted)

    asked = store.now()

    assert known.start(work, "ann", "Kill all").started >= asked


def test_an_operation_that_is_told_to_stop_ends_after_its_page(
    known: Operations, hold: Hold, store: Backend
) -> None:
    held = hold(1_500)
    id_ = held.begun(known)

    assert known.stop(id_)
    stopping = known.get(id_)
    assert stopping is not None
    assert stopping.state == "stopping"
    held.go_on.set()

    done = over(known, id_)
    assert done.state == "stopped"
    assert done.progress is not None
    assert done.progress.done == 1_000
    assert store.count(Query(states=(State.PENDING,))).number == 500
    assert not known.stop(id_)


def test_no_more_run_than_may(known: Operations, hold: Hold) -> None:
    for _ in range(MAX_RUNNING):
        hold(1).begun(known)

    with pytest.raises(TooManyOperationsError, match="run already"):
        known.start(hold(1).bulk, "ann", "Kill all")


def test_no_more_are_remembered_than_may_and_the_oldest_go_first(known: Operations, store: Backend) -> None:
    ids = []
    for _ in range(MAX_REMEMBERED + 2):
        ids.append(known.start(bulk(store, 0), "ann", "Kill all").id)
        over(known, ids[-1])

    assert [one.id for one in known.all()] == ids[:1:-1]


def failing(store: Backend, error: Exception) -> Bulk:
    """Make an operation that fails at its first page."""

    def keep(_: object) -> Sequence[Row]:
        raise error

    store.enqueue([firing()])
    return Bulk(Control(store, "ann"), "kill", Query(), keep=keep)


def test_a_store_that_fails_is_told(known: Operations, store: Backend) -> None:
    work = failing(store, BackendError("the disk is full"))

    failed = over(known, known.start(work, "ann", "Kill all").id)

    assert (failed.state, failed.error) == ("failed", "the disk is full")


def test_a_mistake_of_ours_ends_the_operation_too(
    known: Operations, store: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    work = failing(store, ZeroDivisionError("a mistake"))

    failed = over(known, known.start(work, "ann", "Kill all").id)

    assert (failed.state, failed.error) == ("failed", "ZeroDivisionError: a mistake")
    assert "operation failed" in caplog.text


def test_the_end_of_the_server_stops_all_and_waits_for_their_pages(
    known: Operations, hold: Hold, store: Backend
) -> None:
    held = hold(1_500)
    id_ = held.begun(known)
    closing = threading.Thread(target=known.close)
    closing.start()
    eventually(lambda: [one.state for one in known.all()] == ["stopping"])

    held.go_on.set()
    closing.join(PATIENCE)

    assert not closing.is_alive()
    assert over(known, id_).state == "stopped"
    assert (store.audit(1).entries[0].did or "").endswith("then told to stop")
    with pytest.raises(TooManyOperationsError, match="about to end"):
        known.start(held.bulk, "ann", "Kill all")


def test_operations_are_shown_with_a_button_that_stops_them(
    client: FlaskClient, known: Operations, hold: Hold
) -> None:
    held = hold(1_500)
    id_ = known.start(held.bulk, "<b>ann</b>", "Kill <script>alert(1)</script>").id
    assert held.at_page.wait(PATIENCE)

    for page in ("/operations", f"/operations?id={id_}", "/jobs"):
        text = client.get(page).text
        assert "Kill &lt;script&gt;alert(1)" in text
        assert ">Stop</button>" in text
    answer = client.post("/do/operations/stop", data={"id": id_, "next": "/operations"})
    held.go_on.set()

    assert answer.location == "/operations"
    over(known, id_)
    text = client.get(f"/operations?id={id_}").text
    assert "stopped before its end" in text
    assert "1,000 of 1,500" in text
    assert "Kill &lt;script" not in client.get("/jobs").text


@pytest.mark.parametrize("page", ["/operations", "/operations?id={}", "/jobs", "/errors"])
def test_each_button_that_stops_an_operation_sends_the_reason(
    client: FlaskClient, known: Operations, hold: Hold, store: Backend, page: str
) -> None:
    held = hold(1_500)
    id_ = held.begun(known)

    press(client, page.format(id_), "Stop", "the wrong ones")
    held.go_on.set()

    over(known, id_)
    (entry,) = store.audit(10, verb="stop").entries
    assert entry.why == "the wrong ones"


@pytest.mark.parametrize("way", ["page", "api"])
def test_who_stopped_an_operation_and_why_is_in_the_audit_log(
    client: FlaskClient, known: Operations, hold: Hold, store: Backend, way: str
) -> None:
    held = hold(1_500)
    id_ = held.begun(known)

    if way == "page":
        client.post("/do/operations/stop", data={"id": id_, "why": "the wrong ones"})
    else:
        client.post(f"/api/v1/operations/{id_}/stop", json={"why": "the wrong ones"})
    held.go_on.set()
    over(known, id_)

    (entry,) = store.audit(10, verb="stop").entries
    assert (entry.who, entry.why) == ("web@127.0.0.1", "the wrong ones")
    assert entry.on == "operation of ann: Kill all"


def test_a_failed_operation_says_why(client: FlaskClient, known: Operations, store: Backend) -> None:
    work = failing(store, BackendError("the disk is <full>"))
    id_ = known.start(work, "ann", "Kill all").id
    over(known, id_)

    assert "It failed: the disk is &lt;full&gt;" in client.get(f"/operations?id={id_}").text
    assert "the disk is &lt;full&gt;" in client.get("/operations").text


def test_an_unknown_operation_is_told(client: FlaskClient) -> None:
    answer = client.get("/operations?id=01a2220e3fab41ca5b915fdb")

    assert answer.status_code == 404
    assert "audit log" in answer.text


def test_without_any_the_page_says_where_they_come_from(client: FlaskClient) -> None:
    assert "All that match" in client.get("/operations").text


def test_stopping_one_that_has_ended_is_told(client: FlaskClient) -> None:
    answer = client.post("/do/operations/stop", data={"id": "x"})

    assert "has ended already, or is not known" in client.get(answer.location).text


def test_one_more_than_may_run_is_refused_with_a_message(
    client: FlaskClient, known: Operations, hold: Hold, store: Backend
) -> None:
    for _ in range(MAX_RUNNING):
        hold(1).begun(known)

    answer = client.post("/do/firings/kill", data={"all": "1", "queue": "shop"})

    assert "Nothing was begun" in client.get(answer.location).text
    assert store.audit(1).entries[0].who == "ann"


def test_an_operation_says_in_words_what_why_and_where_it_is_kept(
    client: FlaskClient, store: Backend, known: Operations
) -> None:
    store.enqueue([firing(job="m:<send>"), firing(job="m:<send>"), firing(job="m:other")])
    order = {
        "all": "1",
        "queue": QUEUE,
        "job": "m:<send>",
        "state": "pending",
        "enqueued_from": "2h",
        "why": "the <wrong> list",
    }
    answer = client.post("/do/firings/kill", data=order)
    (begun,) = known.all()
    over(known, begun.id)

    text = client.get(answer.headers["Location"]).text
    (entry,) = re.findall(r'href="(/audit\?id=[^"]+)"', text)
    kept = client.get(entry).text

    assert f"Kill pending firings of queue {QUEUE}, of job m:&lt;send&gt;, enqueued from 2h ago" in text
    assert "It has come to the end: 2 firings killed." in text
    assert "the &lt;wrong&gt; list" in text
    assert "the &lt;wrong&gt; list" in kept
    assert "Killed 2" in kept or "2 of 2" in kept


def test_an_operation_without_a_reason_says_so(
    client: FlaskClient, store: Backend, known: Operations
) -> None:
    id_ = over(known, known.start(bulk(store, 1), "ann", "Kill all").id).id

    assert "none was given" in client.get("/operations", query_string={"id": id_}).text

"""``skunq queues``, ``purge``, ``pause`` and ``resume``."""

from __future__ import annotations

from contextlib import closing

import msgspec
import pytest

from skunkqueue.cli.queues import _job_row, count_cells, overview
from skunkqueue.cli.text import UNKNOWN
from skunkqueue.config import resolve
from skunkqueue.listings import JobCount
from skunkqueue.persistence.backend import Backend
from skunkqueue.persistence.sqlite import SQLiteBackend
from skunkqueue.records import RouteInfo, State, Verdict
from tests.core.cli.program import Skunq, begin, body, finish, fire, hire


def test_every_state_is_counted(store: Backend, skunq: Skunq) -> None:
    finish(store)
    finish(store, Verdict.ERROR)
    fire(store)
    fire(store)
    begin(store)
    hire(store)

    (route,) = skunq.json("queues")["routes"]

    assert (route["queue"], route["route"], route["paused"], route["workers"]) == ("demo", "foo", False, 1)
    assert route["counts"] == {
        "pending": 1,
        "running": 1,
        "complete": 1,
        "error": 1,
        "killed": 0,
        "expired": 0,
    }
    assert route["oldest_due"].endswith("Z")
    assert 0 <= route["oldest_due_age"] < 60


def test_a_pipe_gets_aligned_plain_text(store: Backend, skunq: Skunq) -> None:
    fire(store)
    fire(store, route="a-longer-name")

    lines = skunq("queues").splitlines()

    assert len(lines) == 3
    assert lines[0].split()[:2] == ["QUEUE", "ROUTE"]
    place = lines[0].index("ROUTE")
    assert {line[place : place + 3] for line in lines[1:]} == {"a-l", "foo"}
    assert all(line.isascii() and line.isprintable() for line in lines)


def test_a_route_where_only_workers_are_is_shown_too(store: Backend, skunq: Skunq) -> None:
    hire(store, route="quiet")

    (route,) = skunq.json("queues")["routes"]

    assert (route["route"], route["workers"], route["oldest_due"]) == ("quiet", 1, None)


def test_one_queue_or_route_can_be_asked_for(store: Backend, skunq: Skunq) -> None:
    fire(store)
    fire(store, route="bar")
    fire(store, queue="other")

    places = [
        (each["queue"], each["route"]) for each in skunq.json("queues", "-q", "demo", "-r", "bar")["routes"]
    ]

    assert places == [("demo", "bar")]


def test_no_queues_is_exit_code_1_and_says_so(skunq: Skunq) -> None:
    assert "no queues yet" in skunq.error("queues", expect=1)
    assert skunq.json("queues", expect=1)["routes"] == []


def test_a_route_that_is_not_there_is_named(store: Backend, skunq: Skunq) -> None:
    assert "no queues yet" in skunq.error("queues", "-r", "typo", expect=1)
    fire(store)

    assert skunq.error("queues", "-r", "typo", expect=1) == "no route 'typo'\n"
    assert skunq.error("queues", "-q", "demo", "-r", "typo", expect=1) == "no route 'typo' of queue 'demo'\n"
    assert skunq.error("queues", "-q", "dmeo", "-r", "foo", expect=1) == "no queue 'dmeo'\n"


def test_pausing_stops_claims_and_resuming_lets_them_come(store: Backend, skunq: Skunq) -> None:
    fire(store)

    skunq("pause", "-q", "demo", "-r", "foo")
    assert skunq.json("queues")["routes"][0]["paused"]
    assert store.claim("demo", "foo", "w", 1, 60.0) == []

    skunq("resume", "-q", "demo", "-r", "foo")
    assert not skunq.json("queues")["routes"][0]["paused"]
    begin(store)


def test_resuming_a_route_of_a_paused_queue_says_that_it_is_paused_still(
    store: Backend, skunq: Skunq
) -> None:
    fire(store)
    skunq("pause", "-q", "demo")

    assert "whole queue is paused still" in skunq.result("resume", "-q", "demo", "-r", "foo", expect=0).stderr


def test_pausing_what_nobody_knows_asks_whether_the_name_is_right(skunq: Skunq) -> None:
    assert "right name?" in skunq.result("pause", "-q", "dmeo", expect=0).stderr


@pytest.mark.parametrize("command", ["pause", "resume"])
def test_a_name_that_cannot_be_is_refused(skunq: Skunq, command: str) -> None:
    assert "control character" in skunq.error(command, "-q", "a\x1bb", expect=2)


def test_purging_removes_what_is_pending_and_nothing_else(store: Backend, skunq: Skunq) -> None:
    done = finish(store)
    fire(store)
    fire(store)
    other = fire(store, route="bar")

    assert "removed 2 pending firings" in skunq("purge", "-q", "demo", "-r", "foo", "--yes")
    assert [record.state for record in store.get([done, other]) if record] == [State.COMPLETE, State.PENDING]
    assert store.routes("demo")[1].counts[State.PENDING] == 0


def test_purging_is_refused_where_nobody_can_be_asked(store: Backend, skunq: Skunq) -> None:
    fire(store)

    told = skunq.error("purge", "-q", "demo", expect=2)

    assert "1 pending firing" in told
    assert "--yes" in told
    assert store.routes("demo")[0].counts[State.PENDING] == 1


def test_purging_nothing_is_exit_code_1(store: Backend, skunq: Skunq) -> None:
    finish(store)

    assert "nothing is pending" in skunq.error("purge", "-q", "demo", "--yes", expect=1)


def test_jobs_are_counted_by_route_and_state(store: Backend, skunq: Skunq) -> None:
    finish(store)
    finish(store)
    finish(store, Verdict.ERROR, body("shop:buy"))
    fire(store, body("shop:buy"), route="bar")

    told = skunq.json("queues", "--jobs")

    counts = {(each["job"], each["route"]): each["counts"] for each in told["jobs"]}
    assert counts["shop:sell", "foo"]["complete"] == 2
    assert counts["shop:buy", "foo"]["error"] == 1
    assert counts["shop:buy", "bar"]["pending"] == 1
    assert all(each["exact"] for each in told["jobs"])
    lines = skunq("queues", "--jobs", "-r", "foo").split("Jobs", 1)[1].splitlines()
    assert [line.split()[:3] for line in lines if "shop:" in line] == [
        ["shop:buy", "demo", "foo"],
        ["shop:sell", "demo", "foo"],
    ]
    assert "jobs" not in skunq.json("queues")


def test_job_count_that_is_no_exact_one_is_marked() -> None:
    counts = {state: 3 if state is State.PENDING else 0 for state in State}
    row = _job_row(JobCount(queue="q", route="r", job="", counts=counts, exact=False))
    assert row[:4] == (UNKNOWN, "q", "r", "~3")


class Estimating(SQLiteBackend):
    """A store that does not count exactly, as MongoDB's where there are many."""

    def routes(self, queue: str | None = None) -> list[RouteInfo]:
        return [msgspec.structs.replace(info, exact=False) for info in super().routes(queue)]


def test_numbers_of_routes_that_the_store_estimates_are_marked(url: str) -> None:
    with closing(Estimating.open(resolve(conn_url=url))) as store:
        fire(store)
        (route,) = overview(store, None)

    assert route["exact"] is False
    assert count_cells(route["counts"], (">PENDING", ">ERROR"), exact=route["exact"]) == ["~1", "~0"]


def test_programs_read_what_was_done_to_a_route(store: Backend, skunq: Skunq) -> None:
    fire(store)
    place = {"queue": "demo", "route": "foo"}

    assert skunq.json("pause", "-q", "demo", "-r", "foo") == {**place, "paused": True}
    assert skunq.json("resume", "-q", "demo", "-r", "foo") == {**place, "paused": False}
    skunq("pause", "-q", "demo")
    assert skunq.json("resume", "-q", "demo", "-r", "foo") == {**place, "paused": True}
    assert skunq.json("purge", "-q", "demo", "--yes") == {"queue": "demo", "route": None, "removed": 1}
    told = skunq.json("purge", "-q", "demo", "--yes", expect=1)
    assert told == {"queue": "demo", "route": None, "removed": 0}

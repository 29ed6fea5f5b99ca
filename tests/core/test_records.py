"""Records as they are stored: what versions before wrote is read."""

from __future__ import annotations

import msgspec
import pytest

from skunkqueue.records import WorkerRecord

GIVEN = {"id": "w", "queue": "q", "route": "x", "pool": "p", "host": "h", "pid": 1, "started": 0.0}


def test_a_worker_listed_by_a_version_before_listens_on_its_one_route() -> None:
    record = msgspec.msgpack.decode(msgspec.msgpack.encode(GIVEN), type=WorkerRecord)

    assert record.routes == ("x",)


@pytest.mark.parametrize(
    ("queue", "route", "listens"),
    [
        ("q", "x", True),
        ("q", "y", True),
        ("q", "z", False),
        ("p", "x", False),
        (None, "y", True),
        ("q", None, True),
        (None, None, True),
        ("p", None, False),
    ],
)
def test_a_worker_listens_on_each_of_its_routes_of_its_queue(
    *, queue: str | None, route: str | None, listens: bool
) -> None:
    worker = WorkerRecord(
        id="w", queue="q", route="x", pool="p", host="h", pid=1, started=0.0, routes=("x", "y")
    )

    assert worker.listens_on(queue, route) is listens


def test_a_worker_of_an_earlier_version_that_says_deaf_is_disconnected() -> None:
    found = msgspec.convert({**GIVEN, "state": "deaf"}, WorkerRecord)

    assert found.state == "disconnected"

"""``skunq errors``: failures by job and error."""

from __future__ import annotations

import pytest

from skunkqueue import failures
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import Verdict
from tests.core.cli.program import Skunq, body, finish, fire


def test_failures_are_grouped_by_job_and_error_the_largest_group_first(store: Backend, skunq: Skunq) -> None:
    finish(store, Verdict.ERROR, error="KeyError: 'eggs'")
    finish(store, Verdict.ERROR, body("shop:buy"), error="TimeoutError: no answer")
    sells = [finish(store, Verdict.ERROR, error=f"TimeoutError: no answer from {n}") for n in (7, 12, 99)]
    finish(store)
    fire(store)

    told = skunq.json("errors")["errors"]

    assert [(each["count"], each["job"], each["error"]) for each in told] == [
        (3, "shop:sell", "TimeoutError"),
        (1, "shop:buy", "TimeoutError"),
        (1, "shop:sell", "KeyError"),
    ]
    assert told[0]["newest"] == sells[-1]
    assert told[0]["message"] == "no answer from 99"
    assert told[0]["first"] <= told[0]["last"]
    header, first, *_ = skunq("errors").splitlines()
    assert header.split() == ["COUNT", "JOB", "ERROR", "MESSAGE", "FIRST", "LAST", "NEWEST", "ID"]
    assert first.split()[:3] == ["3", "shop:sell", "TimeoutError"]


def test_messages_that_begin_otherwise_are_other_groups(store: Backend, skunq: Skunq) -> None:
    finish(store, Verdict.ERROR, error="ValueError: too large")
    finish(store, Verdict.ERROR, error="ValueError: too small")

    assert [each["count"] for each in skunq.json("errors")["errors"]] == [1, 1]


def test_failures_of_a_job_a_route_and_a_time_can_be_asked_for(store: Backend, skunq: Skunq) -> None:
    finish(store, Verdict.ERROR, body("shop:buy"))
    finish(store, Verdict.ERROR, route="bar")
    finish(store, Verdict.ERROR)

    def counts(*words: str) -> list[int]:
        return [each["count"] for each in skunq.json("errors", *words)["errors"]]

    assert counts("--job", "shop:buy") == [1]
    assert counts("-q", "demo", "-r", "bar") == [1]
    assert counts("--since", "1h") == [2, 1]
    assert "no failures there" in skunq.error("errors", "--until", "1h", expect=1)


@pytest.fixture
def look(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at two failures, and two more of each job."""
    monkeypatch.setattr(failures, "MOST_LOOKED", 2)
    monkeypatch.setattr("skunkqueue.cli.failures.OF_EACH", 2)


@pytest.mark.usefixtures("look")
def test_only_the_newest_are_looked_at_and_it_says_so(store: Backend, skunq: Skunq) -> None:
    for _ in range(3):
        finish(store, Verdict.ERROR)

    told = skunq.json("errors")
    shown = skunq.result("errors", expect=0)

    assert [(each["count"], each["complete"]) for each in told["errors"]] == [(2, False)]
    assert told["complete_since"] is not None
    assert "the newest 2 failures only: for older ones, add --until" in shown.stderr
    assert shown.stdout.splitlines()[1].startswith("   2+")
    assert " or earlier" in shown.stdout


@pytest.mark.usefixtures("look")
@pytest.mark.parametrize("words", [(), ("--since", "1h"), ("-q", "demo")])
def test_a_job_that_fails_very_often_hides_no_other_job(
    store: Backend, skunq: Skunq, words: tuple[str, ...]
) -> None:
    finish(store, Verdict.ERROR, body("shop:buy"))
    for _ in range(3):
        finish(store, Verdict.ERROR)

    told = skunq.json("errors", *words)

    assert [(each["job"], each["count"], each["complete"]) for each in told["errors"]] == [
        ("shop:sell", 2, False),
        ("shop:buy", 1, True),
    ]


@pytest.mark.usefixtures("look")
def test_jobs_that_are_not_looked_at_are_named(
    store: Backend, skunq: Skunq, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "MOST_JOBS", 0)
    finish(store, Verdict.ERROR, body("shop:buy"))
    for _ in range(3):
        finish(store, Verdict.ERROR)

    assert skunq.json("errors")["left"] == [{"job": "shop:buy", "count": 1}]
    assert (
        "not looked at, since all their failures are older: shop:buy (1)"
        in skunq.result("errors", expect=0).stderr
    )

"""``skunq jobs``: what is listed, in which order, and page by page."""

from __future__ import annotations

import pytest

from skunkqueue.payload import Progress, encode
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import ClaimRef, Verdict
from tests.core.cli.program import Skunq, begin, body, end, finish, fire


def ids(listing: dict[str, list[dict[str, str]]]) -> list[str]:
    return [each["id"] for each in listing["jobs"]]


def test_all_states_are_listed_running_first_and_finished_newest_first(store: Backend, skunq: Skunq) -> None:
    first, second = finish(store), finish(store)
    failed = finish(store, Verdict.ERROR)
    running = fire(store)
    begin(store)
    pending = fire(store)

    assert ids(skunq.json("jobs")) == [running, pending, failed, second, first]


def test_a_state_a_queue_and_a_route_can_be_asked_for(store: Backend, skunq: Skunq) -> None:
    finish(store)
    wanted = fire(store, route="bar")
    fire(store)
    fire(store, queue="other", route="bar")

    assert ids(skunq.json("jobs", "-q", "demo", "-r", "bar", "--state", "pending")) == [wanted]


def test_several_states_can_be_asked_for(store: Backend, skunq: Skunq) -> None:
    done, failed = finish(store), finish(store, Verdict.ERROR)
    fire(store)

    assert ids(skunq.json("jobs", "--state", "complete", "--state", "error")) == [failed, done]


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_pages_together_are_the_whole_listing(store: Backend, skunq: Skunq, limit: int) -> None:
    for route in ("a", "b"):
        for _ in range(3):
            fire(store, route=route)
    for _ in range(3):
        finish(store)

    found, words = [], ["jobs", "--limit", str(limit)]
    while True:
        page = skunq.json(*words)
        assert len(page["jobs"]) <= limit
        found += ids(page)
        if page["next"] is None:
            break
        words = ["jobs", "--limit", str(limit), "--after", page["next"]]

    assert found == ids(skunq.json("jobs", "--all"))
    assert len(set(found)) == 9


def test_people_are_told_how_to_see_more(store: Backend, skunq: Skunq) -> None:
    for _ in range(3):
        fire(store)

    assert "--after" in skunq.result("jobs", "--limit", "2", expect=0).stderr
    assert skunq.result("jobs", "--limit", "3", expect=0).stderr == ""


def test_all_is_not_held_by_the_size_of_a_page(
    store: Backend, skunq: Skunq, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skunkqueue.cli.jobs.BLOCK", 2)
    monkeypatch.setattr("skunkqueue.cli.rows.PAGE", 2)
    for _ in range(5):
        fire(store)

    lines = skunq("jobs", "--all", "--limit", "1").splitlines()

    assert len(lines) == 6
    assert [line for line in lines if line.startswith("ID ")] == lines[:1]


def test_no_firings_is_exit_code_1(store: Backend, skunq: Skunq) -> None:
    finish(store)

    assert "no such firings" in skunq.error("jobs", "--state", "error", expect=1)
    assert skunq.json("jobs", "--state", "error", expect=1)["jobs"] == []


def test_a_cursor_of_another_listing_is_refused(store: Backend, skunq: Skunq) -> None:
    fire(store)

    assert "not a cursor of this listing" in skunq.error("jobs", "--after", "bm9uc2Vuc2U", expect=2)


def test_the_listing_tells_progress_and_failures(store: Backend, skunq: Skunq) -> None:
    finish(store, Verdict.ERROR)
    fire(store)
    claim = begin(store)
    store.progress(ClaimRef(claim.id, claim.token), encode(Progress(3, 10, "sorting", store.now())))

    running, failed = skunq("jobs").splitlines()[1:]

    assert "30% (3/10)" in running
    assert "ValueError: no such shop" in failed


def test_a_damaged_firing_does_not_hide_the_others(store: Backend, skunq: Skunq) -> None:
    fire(store, b"\xffnot ours")
    fire(store, body("shop:sell"))

    lines = skunq("jobs").splitlines()[1:]

    assert "(unknown)" in lines[0]
    assert "shop:sell" in lines[1]
    assert skunq.json("jobs")["jobs"][0]["job"] is None


def test_words_from_the_store_cannot_steer_a_terminal(store: Backend, skunq: Skunq) -> None:
    fire(store, body("evil\x1b[2J\x9b\u202e:[red]job[/red]"))

    told = skunq("jobs")

    assert "evil\\x1b[2J\\x9b\\u202e:[red]job[/red]" in told
    assert "\x1b" not in told


@pytest.mark.parametrize("delay", [0.0, 30.0])
def test_a_firing_whose_job_a_worker_does_not_know_says_so(
    store: Backend, skunq: Skunq, delay: float
) -> None:
    fire(store)
    error = "JobNotFoundError: module 'shop' has no 'sell' (any more)"
    end(store, begin(store), Verdict.RELEASE, began=None, delay=delay, error=error)

    assert "job not known: module 'shop' has no 'sell' (any more)" in skunq("jobs")
    (told,) = skunq.json("jobs")["jobs"]
    assert told["error"] == error

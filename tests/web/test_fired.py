"""What is said of firings that come from another one: those that its job fired, and the next run of its schedule."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from skunkqueue.contract.makers import outcome
from skunkqueue.persistence import Backend
from skunkqueue.records import Claim, Verdict
from tests.web.firings import claim, firing
from tests.web.schedules import declare, read, run_once


def lent(store: Backend) -> Claim:
    """Put in a firing whose job runs."""
    store.enqueue([firing(job="shop:import")])
    (found,) = claim(store)
    return found


def fire(store: Backend, parent: str, count: int = 1, **fields: object) -> list[str]:
    """Fire some as the job of that one does."""
    made = [firing(job="shop:send", parent=parent, **fields) for _ in range(count)]
    return store.enqueue(made)


def fired(answer: TestResponse) -> list[str]:
    return re.findall(r'<tr id="fired-(\w+)">', answer.text)


def heading(answer: TestResponse) -> str:
    """Return the heading without its tags."""
    found = re.search(r'<h2 id="fired">(.*?)</h2>', answer.text, re.DOTALL)
    return re.sub(r"<[^>]*>", "", found[1]) if found else ""


def test_what_a_job_fired_is_on_its_page_in_every_state(client: FlaskClient, store: Backend) -> None:
    parent = lent(store)
    failed, running, waiting = fire(store, parent.id, 3)
    fire(store, "f" * 24)
    (ended,) = claim(store)
    store.settle([outcome(ended, Verdict.ERROR, error="KeyError: 'a'")])
    claim(store)

    answer = client.get(f"/jobs/{parent.id}")

    assert ended.id == failed
    assert fired(answer) == [failed, running, waiting]
    assert heading(answer) == "What its job fired 3"
    assert f'href="/jobs?parent={parent.id}"' in answer.text
    assert f'href="/jobs/{failed}"' in answer.text
    assert "KeyError: &#39;a&#39;" in answer.text
    for state in ("pending", "running", "error"):
        assert f"state-{state}" in answer.text.partition('id="fired"')[2]


def test_of_many_that_a_job_fired_some_are_shown_and_not_counted_exactly(
    client: FlaskClient, store: Backend
) -> None:
    parent = lent(store)
    made = fire(store, parent.id, 21)

    answer = client.get(f"/jobs/{parent.id}")

    assert fired(answer) == made[:20]
    assert heading(answer) == "What its job fired ≥ 20"


def test_nothing_is_said_of_what_a_job_fired_where_it_fired_nothing(
    client: FlaskClient, store: Backend
) -> None:
    parent = lent(store)
    (waiting,) = fire(store, parent.id)

    for id_ in (waiting, *fire(store, "f" * 24)):
        answer = client.get(f"/jobs/{id_}")
        assert (fired(answer), heading(answer)) == ([], "")


@pytest.fixture
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have what a firing fired and finished be looked for among all others, and among few of them."""
    monkeypatch.setattr("skunkqueue.persistence.sqlite.searching_scope._MOST_SORTED", 0)
    monkeypatch.setattr("skunkqueue.persistence.sqlite.searching.MAX_LOOK", 4)


def finish(store: Backend, parent: str, count: int = 1) -> list[str]:
    made = fire(store, parent, count)
    store.settle([outcome(one) for one in claim(store, limit=count)])
    return made


@pytest.mark.usefixtures("_short")
def test_where_a_look_came_to_its_bound_the_page_leads_further(client: FlaskClient, store: Backend) -> None:
    parent = lent(store)
    finish(store, "f" * 24, 5)
    finish(store, parent.id)

    answer = client.get(f"/jobs/{parent.id}")

    assert "none of the 4 firings that were looked at" in answer.text
    assert f'<a href="/jobs?parent={parent.id}">look further</a>' in answer.text


@pytest.mark.usefixtures("_short")
def test_what_was_found_is_shown_though_the_look_came_to_its_bound(
    client: FlaskClient, store: Backend
) -> None:
    parent = lent(store)
    (ended,) = finish(store, parent.id)
    finish(store, "f" * 24, 9)

    answer = client.get(f"/jobs/{parent.id}")

    assert fired(answer) == [ended]
    assert heading(answer) == "What its job fired ≥ 1"


def test_a_run_of_a_schedule_names_the_one_that_follows(client: FlaskClient, store: Backend) -> None:
    declare(store, after=0.0)
    before = read(store).firing
    run_once(store)
    after = read(store).firing

    assert before != after
    assert f'<dt>Followed by</dt><dd><a href="/jobs/{after}">' in client.get(f"/jobs/{before}").text
    assert "Followed by" not in client.get(f"/jobs/{after}").text


def test_a_fired_firing_names_the_one_that_fired_it(client: FlaskClient, store: Backend) -> None:
    parent = lent(store)
    (child,) = fire(store, parent.id)

    assert f'<dt>Fired by</dt><dd><a href="/jobs/{parent.id}">' in client.get(f"/jobs/{child}").text

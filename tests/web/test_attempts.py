"""The attempts of a firing on its page: when each began, how long it ran, and the timeline of them."""

from __future__ import annotations

import re

import msgspec
import pytest
from flask.testing import FlaskClient

from skunkqueue.cli.text import span
from skunkqueue.payload import Attempt, AttemptState, encode
from skunkqueue.persistence import Backend
from skunkqueue.plugins.notify import Notifier
from skunkqueue.records import Claim, Death, Outcome, State, Verdict
from skunkqueue.web.firing import view_of
from skunkqueue.web.redaction import Redactor
from skunkqueue.web.timeline import WIDTH, Bar, bars
from tests.web.firings import claim, firing


def put(store: Backend, **fields: object) -> Claim:
    """Put in a firing and claim it."""
    store.enqueue([firing(**fields)])
    (claimed,) = claim(store)
    return claimed


def die(store: Backend, lent: Claim, *, after: float, claimed: float | None = None) -> None:
    """Let the worker that holds a firing die, so long after it claimed it."""
    record = store.get([lent.id])[0]
    assert record is not None
    assert record.worker is not None
    death = Death(at=lent.claimed + after, worker=record.worker, cause="signal", signal=9, claimed=claimed)
    store.reap(record.worker, [lent.id], death)


def drawn(store: Backend, id_: str, after: float = 0.0) -> list[Bar]:
    """Draw a firing's timeline, as it is some seconds after it was put in."""
    record = store.get([id_])[0]
    assert record is not None
    return bars(view_of(record, Redactor(Notifier())), record.enqueued + after)


def row(text: str, kind: str) -> dict[str, str]:
    """Return the labelled cells of the row of an attempt or a death."""
    (found,) = re.findall(rf"<tr[^>]*>(?:(?!</tr>).)*state-{kind}\b.*?</tr>", text, re.DOTALL)
    cells = re.findall(r'<td[^>]*data-label="([^"]+)">(.*?)</td>', found, re.DOTALL)
    return {label: re.sub(r"<[^>]*>", "", cell) for label, cell in cells}


def fact(text: str, name: str) -> str:
    """Return what the facts of a page say under a name."""
    found = re.search(rf"<dt>{name}</dt><dd>(.*?)</dd>", text)
    assert found is not None, name
    return re.sub(r"<[^>]*>", "", found[1])


def test_a_death_says_when_its_worker_began_and_how_long_it_ran(client: FlaskClient, store: Backend) -> None:
    lent = put(store)
    die(store, lent, after=25.0, claimed=lent.claimed)

    cells = row(client.get(f"/jobs/{lent.id}").text, "death")

    assert re.fullmatch(r"now|\d+ s ago", cells["Began"])
    assert (cells["Pause before"], cells["Ran for"]) == (span(lent.claimed - lent.enqueued), "25.0 s")


def test_the_run_of_a_worker_that_died_is_drawn(store: Backend) -> None:
    lent = put(store)
    die(store, lent, after=25.0, claimed=lent.claimed)

    (death, wait) = drawn(store, lent.id, after=50.0)

    assert (death.kind, round(death.x), round(death.width)) == ("death", 0, 500)
    assert (wait.kind, round(wait.x), round(wait.width)) == ("wait", 500, 500)


def test_of_a_death_whose_beginning_is_not_known_no_wait_is_told(client: FlaskClient, store: Backend) -> None:
    lent = put(store)
    die(store, lent, after=25.0)

    cells = row(client.get(f"/jobs/{lent.id}").text, "death")

    assert cells["Began"].startswith("not known; ended ")
    assert "Pause before" not in cells
    assert "Ran for" not in cells


def test_the_time_before_such_a_death_is_not_drawn_as_a_wait(store: Backend) -> None:
    lent = put(store)
    die(store, lent, after=25.0)

    kinds = [bar.kind for bar in drawn(store, lent.id, after=25.0)]

    assert kinds == ["unknown", "death"]


def test_the_api_says_that_the_beginning_is_not_known(client: FlaskClient, store: Backend) -> None:
    lent = put(store)
    die(store, lent, after=25.0)

    (death,) = client.get(f"/api/v1/jobs/{lent.id}").json["tries"]  # type: ignore[index]  # it is JSON

    assert (death["began"], death["took"], death["pause"]) == (None, None, None)
    assert death["ended"]


def test_a_short_last_attempt_is_drawn_inside_the_timeline(store: Backend) -> None:
    lent = put(store, due=0.0)
    history = (
        Attempt(1, lent.enqueued, 3_600.0, "retry", "", "w"),
        Attempt(2, lent.enqueued + 3_600.0, 0.001, "retry", "", "w"),
    )
    retry = Outcome(
        id=lent.id,
        token=lent.token,
        verdict=Verdict.RETRY,
        attempt_state=encode(AttemptState(history=history)),
    )
    store.settle([retry])

    last = drawn(store, lent.id, after=3_600.001)[-1]

    assert last.text.startswith("attempt 2")
    assert (last.x + last.width, last.width) == (WIDTH, 3)


def test_the_timeline_says_in_words_where_it_begins_and_ends(client: FlaskClient, store: Backend) -> None:
    lent = put(store)

    text = client.get(f"/jobs/{lent.id}").text

    ends = re.search(r'id="timeline-ends">(.*?)</p>', text)
    assert ends is not None
    told = re.sub(r"<[^>]*>", "", ends[1])
    assert re.fullmatch(r"enqueued (now|\d+ s ago) now, \d+ s later", told)


def test_a_planned_delay_is_not_drawn_as_a_wait(store: Backend) -> None:
    made = firing(delay=30.0)
    store.enqueue([made])

    kinds = [(bar.kind, round(bar.x), round(bar.width)) for bar in drawn(store, made.id, after=60.0)]

    assert kinds == [("planned", 0, 500), ("wait", 500, 500)]


def test_a_firing_ran_for_one_time_and_not_for_two(client: FlaskClient, store: Backend) -> None:
    lent = put(store)
    end = Outcome(id=lent.id, token=lent.token, verdict=Verdict.COMPLETE, began=lent.claimed - 60.0, took=7.0)
    store.settle([end])

    text = client.get(f"/jobs/{lent.id}").text

    assert (fact(text, "Ran for"), row(text, "complete")["Ran for"]) == ("7.0 s", "7.0 s")


def test_a_wait_is_counted_from_when_the_firing_was_due(client: FlaskClient, store: Backend) -> None:
    lent = put(store)
    began = lent.due + 90.0
    store.settle([Outcome(id=lent.id, token=lent.token, verdict=Verdict.COMPLETE, began=began, took=1.0)])

    text = client.get(f"/jobs/{lent.id}").text

    assert fact(text, "Waited") == "1 m 30 s from due to begun"


def test_a_planned_delay_is_not_part_of_the_wait(store: Backend) -> None:
    lent = put(store)
    store.settle([Outcome(id=lent.id, token=lent.token, verdict=Verdict.RETRY, delay=30.0)])
    (record,) = store.get([lent.id])
    assert record is not None

    late = msgspec.structs.replace(record, state=State.RUNNING, began=record.due + 2.0, worker="w")

    assert view_of(late, Redactor(Notifier())).waited == pytest.approx(2.0)


def test_a_run_that_lost_its_worker_is_not_part_of_the_wait(store: Backend) -> None:
    lent = put(store)
    die(store, lent, after=25.0)
    (record,) = store.get([lent.id])
    assert record is not None

    again = msgspec.structs.replace(record, state=State.RUNNING, began=lent.claimed + 26.0, worker="w")

    view = view_of(again, Redactor(Notifier()))
    assert view.waited == pytest.approx(1.0)
    assert view.waited_since == "since the run before ended"


def test_a_finished_firing_shows_when_it_was_due(client: FlaskClient, store: Backend) -> None:
    lent = put(store)
    store.settle([Outcome(id=lent.id, token=lent.token, verdict=Verdict.COMPLETE, began=lent.due, took=1.0)])

    assert re.fullmatch(r"now|\d+ s ago", fact(client.get(f"/jobs/{lent.id}").text, "Due"))

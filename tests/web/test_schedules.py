"""The pages of schedules, and what is done from there."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

import skunkqueue.schedule
import skunkqueue.web.rules
from skunkqueue import SkunkQueue
from skunkqueue.persistence import Backend
from skunkqueue.records import Schedule, State, Verdict
from skunkqueue.schedule import Strategy, find_strategy
from skunkqueue.scheduler import AIMDScheduler, TimeScheduler
from skunkqueue.web import schedule_views as views
from skunkqueue.web.rules import Rules
from tests.web.firings import QUEUE, claim
from tests.web.schedules import declare, read, run_once

pytestmark = pytest.mark.usefixtures("strategies")


def shown(client: FlaskClient, name: str = "tick") -> str:
    answer = client.get("/schedule", query_string={"queue": QUEUE, "name": name})
    assert answer.status_code == 200
    return answer.text


def do(client: FlaskClient, verb: str, name: str = "tick") -> str:
    answer = client.post(
        "/do/schedule", data={"verb": verb, "queue": QUEUE, "name": name}, follow_redirects=True
    )
    return answer.text


def test_a_past_run_of_a_schedule_says_when_the_next_one_was_due(client: FlaskClient, store: Backend) -> None:
    declare(store, after=-1.0)
    id_ = run_once(store)

    text = re.sub(r"<[^>]*>", "", client.get(f"/jobs/{id_}").text)

    assert re.search(r"tick, next run due \d+ s ago", text)


def test_without_schedules_the_page_says_how_to_declare_one(client: FlaskClient) -> None:
    assert "skunkqueue[schedulers]" in client.get("/schedules").text


def test_schedules_are_listed_with_rule_state_and_last_run(client: FlaskClient, store: Backend) -> None:
    declare(store, after=-1.0)
    run_once(store, interval=75.0)

    text = client.get("/schedules").text

    assert "every 60 s" in text
    assert "state-due" in text
    assert "state-complete" in text
    assert "1.5 s" in text
    assert "1 m 15 s" in text


def test_the_page_of_a_route_shows_the_rules_of_its_schedules(client: FlaskClient, store: Backend) -> None:
    declare(store)

    text = client.get("/queue", query_string={"queue": QUEUE, "route": "default"}).text

    assert re.search(r'data-label="Rule"[^>]*>every 60 s<', text)


def test_schedules_come_in_pages(
    client: FlaskClient, store: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "PAGE", 2)
    for name in ("a", "b", "c"):
        declare(store, f"one/{name} &")

    first = client.get("/schedules").text
    second = client.get("/schedules", query_string={"after_queue": QUEUE, "after": "one/b &"}).text

    assert "after=one/b+%26" in first
    assert "one/c" not in first
    assert "one/b" not in second
    assert "one/c" in second
    assert 'rel="next"' not in second


def test_half_a_cursor_is_refused(client: FlaskClient) -> None:
    assert client.get("/schedules", query_string={"after": "x"}).status_code == 400


def test_the_next_five_runs_are_shown(client: FlaskClient, store: Backend) -> None:
    declare(store, after=100.0)

    text = shown(client)

    assert text.count("1 m 0 s later") == 4
    assert "in 1 m" in text


def test_a_strategy_that_adapts_is_foreseen_by_its_own_rule(
    client: FlaskClient, store: Backend, queue: SkunkQueue
) -> None:
    rule = AIMDScheduler(queue, initial=100, increase=0.01)
    declare(store, strategy=rule.strategy, params=rule.params)

    text = shown(client)

    assert "50.0 s later" in text, "the rate grows from 0.01 to 0.02 runs a second"
    assert "33.3 s later" in text


def test_a_schedule_that_ends_says_so(client: FlaskClient, store: Backend, queue: SkunkQueue) -> None:
    rule = TimeScheduler(queue, 60, times=2)
    declare(
        store,
        strategy=rule.strategy,
        params=rule.params,
        state=find_strategy("time").first(rule.params, 0.0).state,
    )

    text = shown(client)

    assert text.count("later</span>") == 1
    assert "By its rule none follows." in text


def test_each_run_is_shown_with_its_firing_and_error(client: FlaskClient, store: Backend) -> None:
    declare(store, after=-1.0)
    good = run_once(store, took=2.5)
    bad = run_once(store, verdict=Verdict.ERROR, error="ValueError: <b>no</b>")

    text = shown(client)

    assert text.index(f'href="/jobs/{bad}"') < text.index(f'href="/jobs/{good}"')
    assert "ValueError: &lt;b&gt;no&lt;/b&gt;" in text
    assert "2.5 s" in text
    assert "250 ms" in text, "how late it began"


def test_a_running_one_says_since_when(client: FlaskClient, store: Backend) -> None:
    declare(store, after=-1.0)
    claim(store)

    text = shown(client)

    assert "runs now, for" in text
    assert text.count("<li>") == 5


def test_a_strategy_that_is_not_installed_is_named(client: FlaskClient, store: Backend) -> None:
    declare(store, strategy="lunar")

    text = shown(client)

    assert "Its strategy cannot be used here" in text
    assert "lunar" in text
    assert "tick" in client.get("/schedules").text


def test_a_strategy_that_raises_harms_no_page(client: FlaskClient, store: Backend) -> None:
    declare(store, strategy="raising")

    assert "RuntimeError: &lt;b&gt;it is not to be&lt;/b&gt;" in shown(client)


def test_a_strategy_that_hangs_holds_a_page_up_once_and_not_for_long(store: Backend) -> None:
    hanging = [declare(store, f"h{number}", strategy="hanging") for number in range(20)]
    good = declare(store, "good")
    rules = Rules(limit=0.05)

    began = time.monotonic()
    words = [rules.words(each) for each in (*hanging, good)]
    ticks = rules.ticks(hanging[0], 100.0, None, 100.0)

    assert time.monotonic() - began < 10
    assert words == [*[""] * 20, "every 60 s"]
    assert "is not called now" in (ticks.problem or "")


def test_a_rule_is_asked_for_its_words_once(store: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []

    def describe(strategy: Strategy, params: bytes) -> str:
        asked.append(params)
        return skunkqueue.schedule.describe(strategy, params)

    monkeypatch.setattr(skunkqueue.web.rules, "describe", describe)
    rules = Rules()
    declared = [declare(store, f"s{number}") for number in range(3)]

    words = [rules.words(each) for each in declared * 2]

    assert words == ["every 60 s"] * 6
    assert len(asked) == 1


def test_a_strategy_that_is_not_installed_is_not_called_for_words(
    store: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[str] = []

    def ask(name: str, function: Callable[[], str], limit: float) -> str:
        called.append(name)
        return skunkqueue.schedule.ask(name, function, limit)

    monkeypatch.setattr(skunkqueue.web.rules, "ask", ask)
    rules = Rules()

    words = [rules.words(declare(store, name, strategy=name)) for name in ("lunar", "raising", "every")]

    assert words == ["", "every 60 s", "every 60 s"]
    assert called == ["raising", "every"]


def test_a_schedule_that_is_gone_has_a_page(client: FlaskClient) -> None:
    assert "has no schedule of this name" in shown(client, "gone")


def test_a_schedule_without_a_name_is_asked_for_it(client: FlaskClient) -> None:
    answer = client.get("/schedule", query_string={"queue": QUEUE})

    assert answer.status_code == 400
    assert "the parameter name=" in answer.text


def test_names_that_look_like_scripts_are_shown_as_text(client: FlaskClient, store: Backend) -> None:
    name = "<script>alert('x')</script>"
    declare(store, name)

    for text in (shown(client, name), client.get("/schedules").text):
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert" in text


def test_a_schedule_is_paused_and_resumed(client: FlaskClient, store: Backend) -> None:
    declare(store)
    assert "None is planned" not in shown(client)

    assert "is paused" in do(client, "pause")
    assert read(store).paused
    assert "None is planned until it is resumed." in shown(client)
    assert "goes on" in do(client, "resume")
    assert not read(store).paused


def test_a_schedule_is_run_now(client: FlaskClient, store: Backend) -> None:
    declare(store)

    assert "is due now" in do(client, "run")
    assert [held.schedule for held in claim(store)] == ["tick"]
    assert "runs already" in do(client, "run")


def test_what_is_done_is_in_the_audit_log(client: FlaskClient, store: Backend) -> None:
    declare(store)
    do(client, "pause")

    (entry,) = store.audit().entries
    assert (entry.verb, entry.on) == ("pause_schedule", f"schedule tick of queue {QUEUE}")
    assert entry.who.startswith("web@")


def test_a_schedule_is_removed_after_a_question(client: FlaskClient, store: Backend) -> None:
    declare(store, after=-1.0)
    run_once(store)
    named = {"queue": QUEUE, "name": "tick"}

    question = client.get("/confirm/schedule", query_string=named).text
    assert store.get_schedule(QUEUE, "tick") is not None
    client.post("/do/schedule/remove", data={**named, "why": "not needed"})

    assert "history of <strong>1 run</strong>" in question
    assert store.get_schedule(QUEUE, "tick") is None
    assert store.audit().entries[0].why == "not needed"


def test_one_that_is_gone_cannot_be_changed(client: FlaskClient) -> None:
    assert "has no schedule gone any more" in do(client, "pause", "gone")


def test_one_whose_strategy_is_missing_cannot_be_resumed(client: FlaskClient, store: Backend) -> None:
    declare(store, strategy="lunar")
    do(client, "pause")

    assert "stays as it is" in do(client, "resume")
    assert read(store).paused


@pytest.mark.parametrize("verb", ["remove", "", "kill"])
def test_other_verbs_are_refused(client: FlaskClient, store: Backend, verb: str) -> None:
    declare(store)

    answer = client.post("/do/schedule", data={"verb": verb, "queue": QUEUE, "name": "tick"})

    assert answer.status_code == 400
    assert isinstance(read(store), Schedule)
    assert State.KILLED not in {row.state for row in store.get([read(store).firing or ""]) if row}


def test_older_runs_are_folded_away(client: FlaskClient, store: Backend) -> None:
    declare(store, after=-1.0)
    first = run_once(store)
    for _ in range(21):
        last = run_once(store)

    open_, _, folded = shown(client).partition('<details id="older-runs">')

    assert f'id="run-{last}"' in open_
    assert f'id="run-{first}"' in folded
    assert "2 older runs" in folded


def test_blanks_around_the_name_of_a_queue_belong_to_it(client: FlaskClient, store: Backend) -> None:
    declare(store, "of the plain queue")
    declare(store, "of the other queue", queue=f" {QUEUE}")

    text = client.get("/schedules", query_string={"queue": f" {QUEUE}"}).text

    assert "of the other queue" in text
    assert "of the plain queue" not in text

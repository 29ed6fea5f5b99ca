"""What is done to firings: to those named, and to all that match."""

from __future__ import annotations

import html
import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from skunkqueue.payload import Body, Step, encode
from skunkqueue.persistence import Backend
from skunkqueue.records import Outcome, State, Verdict
from skunkqueue.serializers.typed import TypedSerializer
from skunkqueue.web import Login, Right, create_app, operations
from skunkqueue.web.operations import Operations
from tests.support.waiting import eventually
from tests.web.firings import claim, firing
from tests.web.monitor_client import MonitorClient

NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"
CHANGED = {
    "kill": State.KILLED,
    "requeue": State.PENDING,
    "run_now": State.PENDING,
    "delete": None,
}


def put(store: Backend, count: int = 1, **fields: object) -> list[str]:
    made = [firing(**fields) for _ in range(count)]
    store.enqueue(made)
    return [one.id for one in made]


def fail(store: Backend, count: int, error: str = "KeyError: 'a'") -> list[str]:
    ids = put(store, count, route="failing")
    lent = claim(store, "failing", count)
    store.settle([Outcome(id=one.id, token=one.token, verdict=Verdict.ERROR, error=error) for one in lent])
    return ids


def states(store: Backend, ids: list[str]) -> set[State | None]:
    return {None if one is None else one.state for one in store.results(ids)}


def message(client: FlaskClient, answer: TestResponse) -> str:
    """Follow an answer; return the message of the page."""
    assert answer.status_code == 303, answer.text
    found = re.search(r'<p class="message message-\w+">(.*?)</p>', client.get(answer.location).text)
    assert found is not None
    return html.unescape(found[1])


def form(text: str) -> dict[str, list[str]]:
    """Return the hidden fields of the form that a page of questions has."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', text):
        if name != "csrf":
            found.setdefault(name, []).append(html.unescape(value))
    return found


def known(app: Flask) -> Operations:
    found: Operations = app.extensions[operations.KEY]
    return found


def ended(app: Flask) -> operations.Operation:
    """Wait until the newest operation is over."""
    eventually(lambda: all(one.is_over for one in known(app).all()))
    return known(app).all()[0]


@pytest.mark.parametrize("verb", CHANGED)
def test_one_firing_is_changed(client: FlaskClient, store: Backend, verb: str) -> None:
    (id_,) = fail(store, 1) if verb == "requeue" else put(store, delay=60.0)

    answer = client.post(f"/do/firings/{verb}", data={"id": id_, "next": "/jobs?queue=shop"})

    assert answer.location == "/jobs?queue=shop"
    assert states(store, [id_]) == {CHANGED[verb]}
    assert "1 firing." in message(client, answer)


def test_who_did_it_and_why_is_in_the_audit_log(client: FlaskClient, store: Backend) -> None:
    client.post("/do/firings/kill", data={"id": put(store), "why": "it is wrong"})

    (entry,) = store.audit().entries
    assert (entry.who, entry.why, entry.verb) == ("web@127.0.0.1", "it is wrong", "kill")


def test_the_answer_says_how_many_of_how_many_and_why_not_the_others(
    client: FlaskClient, store: Backend
) -> None:
    ids = [*fail(store, 2), *put(store, 1), "01a2220e3fab41ca5b915fdb"]

    answer = client.post("/do/firings/requeue", data={"id": ids})

    assert (
        message(client, answer) == "Requeued 2 of 4 firings. Not changed: 1 pending, 1 not known (any more)."
    )


def test_one_whose_key_is_in_use_is_not_requeued_and_the_answer_says_so(
    client: FlaskClient, store: Backend
) -> None:
    (id_,) = put(store, key="one")
    (lent,) = claim(store)
    store.settle([Outcome(id=lent.id, token=lent.token, verdict=Verdict.ERROR)])
    put(store, key="one")

    answer = client.post("/do/firings/requeue", data={"id": id_})

    assert "whose idempotency key another one uses" in message(client, answer)


def test_a_running_one_that_is_killed_is_told_to_end(client: FlaskClient, store: Backend) -> None:
    put(store)
    (lent,) = claim(store)

    answer = client.post("/do/firings/kill", data={"id": lent.id})

    assert message(client, answer) == "Told 1 running firing to end."


def test_those_that_are_killed_at_once_are_counted_apart(client: FlaskClient, store: Backend) -> None:
    put(store)
    (lent,) = claim(store)

    answer = client.post("/do/firings/kill", data={"id": [lent.id, *put(store, 2)]})

    assert message(client, answer) == "Killed 2 firings, and told 1 running firing to end."


def test_a_running_one_is_not_deleted(client: FlaskClient, store: Backend) -> None:
    put(store)
    (lent,) = claim(store)

    answer = client.post("/do/firings/delete", data={"id": lent.id})

    assert message(client, answer) == "Deleted 0 of 1 firing. Not changed: 1 running."


def test_the_page_afterwards_shows_what_is_so_now(client: FlaskClient, store: Backend) -> None:
    (id_,) = put(store)
    assert "state-pending" in client.get("/jobs").text

    client.post("/do/firings/kill", data={"id": id_})

    assert "state-killed" in client.get("/jobs").text


def test_without_any_ticked_one_is_told_to_tick_some(client: FlaskClient) -> None:
    answer = client.get("/confirm?verb=kill&next=/jobs?queue=shop")

    assert answer.location == "/jobs?queue=shop"
    assert "No firing is ticked" in client.get(answer.location).text


def test_the_question_says_exactly_how_many_of_those_ticked_are_touched(
    client: FlaskClient, store: Backend
) -> None:
    ids = [*put(store, 3), *fail(store, 2)]

    text = client.get("/confirm", query_string={"verb": "kill", "id": ids}).text

    assert "Kill 3 firings?" in text
    assert "Not touched: 2 error already" in text
    assert sorted(form(text)["id"]) == sorted(ids)
    assert states(store, ids[:3]) == {State.PENDING}


def test_a_question_about_nothing_has_no_button(client: FlaskClient, store: Backend) -> None:
    text = client.get("/confirm", query_string={"verb": "run_now", "id": fail(store, 2)}).text

    assert "nothing to do" in text
    assert "/do/firings/" not in text


def test_all_that_match_are_counted_and_then_done_in_the_background(
    app: Flask, client: FlaskClient, store: Backend
) -> None:
    meant, others = fail(store, 1_200), fail(store, 3, "ValueError: b")

    question = client.get("/confirm?verb=requeue&all=1&error=KeyError&next=/jobs?error=KeyError").text
    assert "Requeue 1,200 firings?" in question
    answer = client.post("/do/firings/requeue", data={**form(question), "why": "the store is back"})
    operation = ended(app)

    assert answer.status_code == 303
    assert f"id={operation.id}" in answer.location
    assert (operation.state, operation.error) == ("done", None)
    assert operation.progress is not None
    assert (operation.progress.seen, operation.progress.done) == (1_200, 1_200)
    assert states(store, meant) == {State.PENDING}
    assert states(store, others) == {State.ERROR}
    assert [entry.why for entry in store.audit().entries] == ["the store is back"]
    assert "1,200 of 1,200" in client.get(answer.location).text


def test_what_comes_after_the_question_is_left_alone(app: Flask, client: FlaskClient, store: Backend) -> None:
    meant = put(store, 2)
    question = client.get("/confirm?verb=kill&all=1&queue=shop").text
    late = put(store)

    client.post("/do/firings/kill", data=form(question))

    assert ended(app).state == "done"
    assert states(store, meant) == {State.KILLED}
    assert states(store, late) == {State.PENDING}


def test_what_was_fired_since_the_list_was_shown_is_counted_and_done(
    app: Flask, client: FlaskClient, store: Backend
) -> None:
    listed = put(store, 2)
    page = client.get("/jobs?queue=shop").text
    late = put(store, 3)

    link = next(url for url in re.findall(r'href="(/confirm[^"]+)"', page) if "verb=kill" in url)
    question = client.get(html.unescape(link)).text
    client.post("/do/firings/kill", data=form(question))

    assert "Kill 5 firings?" in question
    assert ended(app).state == "done"
    assert states(store, [*listed, *late]) == {State.KILLED}


def test_all_with_a_text_in_their_arguments_are_done_and_no_others(
    app: Flask, client: FlaskClient, store: Backend
) -> None:
    made = []
    for name in ("Jed", "Ann", "Jed"):
        step = Step(job="m:f", args=TypedSerializer().dumps_call((name,), {}, None))
        made.append(firing(body=encode(Body(steps=(step,)))))
    store.enqueue(made)

    question = client.get("/confirm?verb=kill&all=1&text=jed").text
    client.post("/do/firings/kill", data=form(question))

    assert "Only those of them that have “jed” in their arguments" in question
    assert "Kill those of 3 firings that have the text?" in question
    assert ended(app).state == "done"
    assert [store.results([one.id])[0].state for one in made] == [  # type: ignore[union-attr]  # all are known
        State.KILLED,
        State.PENDING,
        State.KILLED,
    ]


def test_without_a_filter_the_question_says_that_all_are_meant(client: FlaskClient, store: Backend) -> None:
    put(store, 3)

    text = client.get("/confirm?verb=delete&all=1").text

    assert "Delete 3 firings?" in text
    assert "every queue" in text


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/confirm?verb=purge", "choose from kill"),
        ("/confirm?verb=kill&all=1&limit=0", "limit"),
        ("/confirm?verb=kill&id=" + "x" * 65, "is not the id of a firing"),
        ("/confirm?verb=kill&" + "&".join(f"id={number}" for number in range(1_001)), "too many"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(client: FlaskClient, path: str, told: str) -> None:
    answer = client.get(path)

    assert answer.status_code == 400
    assert told in answer.text


@pytest.mark.parametrize(
    "data",
    [{}, {"all": "1", "enqueued_from": "soonish"}, {"id": "x" * 65}, {"id": "abc", "why": "x" * 201}],
)
def test_an_action_that_makes_no_sense_is_refused(
    client: FlaskClient, store: Backend, data: dict[str, str]
) -> None:
    assert client.post("/do/firings/kill", data=data).status_code == 400
    assert store.audit().entries == ()


@pytest.mark.parametrize("next_", ["//evil.example/", "https://evil.example/", "/\\evil.example"])
def test_an_action_leads_to_no_other_site(client: FlaskClient, store: Backend, next_: str) -> None:
    answer = client.post("/do/firings/kill", data={"id": put(store), "next": next_})

    assert answer.location == "/jobs"


def test_a_script_in_a_filter_is_shown_as_text(client: FlaskClient, store: Backend) -> None:
    script = "<script>alert(1)</script>"
    put(store, job=script)

    text = client.get("/confirm", query_string={"verb": "kill", "all": "1", "job": script}).text

    assert "Kill 1 firing?" in text
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text


@pytest.mark.parametrize(
    ("state", "offered"),
    [
        ("pending", ["Kill", "Delete"]),
        ("delayed", ["Run now", "Kill", "Delete"]),
        ("running", ["Kill"]),
        ("error", ["Requeue", "Delete"]),
    ],
)
def test_the_page_of_a_firing_offers_what_can_be_done_to_it(
    client: FlaskClient, store: Backend, state: str, offered: list[str]
) -> None:
    if state == "error":
        (id_,) = fail(store, 1)
    else:
        (id_,) = put(store, delay=60.0 if state == "delayed" else 0.0)
    if state == "running":
        claim(store)

    head = client.get(f"/jobs/{id_}").text.partition('<div class="actions">')[2].partition("</div>")[0]

    assert re.findall(r">([\w ]+)</(?:button|a)>", head) == offered


def test_one_that_is_killed_from_its_page_leads_back_there(client: FlaskClient, store: Backend) -> None:
    (id_,) = put(store)

    question = client.get(f"/confirm?verb=kill&id={id_}&next=/jobs/{id_}").text
    answer = client.post("/do/firings/kill", data=form(question))

    assert answer.location == f"/jobs/{id_}"
    assert "state-killed" in client.get(answer.location).text


def client_of(url: str, right: Right, *, read_only: bool = False) -> FlaskClient:
    """Make a client whose login has this right."""
    app = create_app(url, authorize=lambda _: Login(name="ann", right=right, by="site"), read_only=read_only)
    app.testing = True
    app.test_client_class = MonitorClient
    return app.test_client()


@pytest.mark.parametrize(
    ("right", "allowed"),
    [
        (Right.VIEW, set()),
        (Right.ACT, {"kill", "requeue", "run_now"}),
        (Right.ADMIN, {"kill", "requeue", "run_now", "delete"}),
    ],
)
def test_only_what_a_login_may_do_is_offered_and_done(
    url: str, store: Backend, right: Right, allowed: set[str]
) -> None:
    client = client_of(url, right)
    put(store, 4)

    offered = set(re.findall(r'name="verb" value="(\w+)"', client.get("/jobs").text))
    done = {
        verb for verb in CHANGED if client.post(f"/do/firings/{verb}", data={"id": "x"}).status_code == 303
    }
    asked = {verb for verb in CHANGED if client.get(f"/confirm?verb={verb}&all=1").status_code == 200}

    assert offered == done == asked == allowed


def test_a_monitor_that_only_reads_offers_nothing_and_does_nothing(url: str, store: Backend) -> None:
    client = client_of(url, Right.ADMIN, read_only=True)
    (id_,) = put(store)

    answer = client.post("/do/firings/kill", data={"id": id_})

    assert answer.status_code == 403
    assert states(store, [id_]) == {State.PENDING}
    for page in ("/jobs", f"/jobs/{id_}", "/errors"):
        assert "verb=" not in client.get(page).text
        assert 'name="verb"' not in client.get(page).text


@pytest.mark.parametrize("name", [" shop", "shop ", "  "])
def test_a_filter_with_blanks_around_a_name_means_that_name_alone(
    app: Flask, client: FlaskClient, store: Backend, name: str
) -> None:
    meant, others = put(store, 2, queue=name), put(store, 3, queue="shop")

    question = client.get("/confirm", query_string={"verb": "delete", "all": "1", "queue": name}).text
    assert "Delete 2 firings?" in question
    # So that a person sees which queue it is.
    assert f"“{name.replace(' ', NO_BREAK_SPACE)}”" in question
    client.post("/do/firings/delete", data=form(question))

    assert ended(app).state == "done"
    assert states(store, meant) == {None}
    assert states(store, others) == {State.PENDING}

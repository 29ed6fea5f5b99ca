"""The page of errors: failures grouped, with what can be done to a group."""

from __future__ import annotations

import html
import re
from typing import Any

import msgspec
import pytest
from flask import Flask
from flask.testing import FlaskClient

from skunkqueue.cli.text import iso
from skunkqueue.persistence import Backend
from skunkqueue.plugins import hookimpl
from skunkqueue.plugins.notify import Notifier
from skunkqueue.records import Outcome, State, Verdict
from skunkqueue.web import operations, redaction
from skunkqueue.web.api.structs.firings import ErrorGroups
from skunkqueue.web.redaction import Redactor
from tests.support.waiting import eventually
from tests.web.firings import claim, firing

GROUP = re.compile(r'<tr id="group-(\w+)">.*?</tr>', re.DOTALL)


def fail(store: Backend, error: str | None, count: int = 1, **fields: Any) -> list[str]:
    """Have new firings fail; return their ids, oldest first."""
    made = [firing(**{"job": "shop:sell", **fields}) for _ in range(count)]
    store.enqueue(made)
    for lent in claim(store, fields.get("route", "default"), count):
        store.settle(
            [Outcome(id=lent.id, token=lent.token, verdict=Verdict.ERROR, error=error, began=lent.claimed)]
        )
    return [one.id for one in made]


def groups(client: FlaskClient, url: str = "/errors") -> list[str]:
    """Return what each row of a page says, without its tags."""
    answer = client.get(url)
    assert answer.status_code == 200, answer.text
    return [
        " ".join(html.unescape(re.sub(r"<[^>]+>", " ", found[0])).split())
        for found in GROUP.finditer(answer.text)
    ]


def test_without_a_failure_it_says_so(client: FlaskClient) -> None:
    assert "Nothing has failed" in client.get("/errors").text


def test_failures_are_grouped_by_job_and_type_the_newest_group_first(
    client: FlaskClient, store: Backend
) -> None:
    fail(store, "KeyError: 'a'")
    fail(store, "KeyError: 'something else'")
    fail(store, "ValueError: x", 3)
    fail(store, "KeyError: 'b'", job="shop:buy")

    first, second, third = groups(client)

    assert first.startswith("KeyError 'b' shop: buy")
    assert second.startswith("ValueError x shop: sell")
    assert " 3 " in second
    assert third.startswith("KeyError 'something else' shop: sell")
    assert " 2 " in third


def test_a_group_says_when_the_first_and_the_last_of_it_failed(client: FlaskClient, store: Backend) -> None:
    first, _, last = fail(store, "KeyError: 'a'", 3)
    fail(store, "ValueError: x")
    ends = [one.finished for one in store.get([first, last]) if one is not None]

    page = client.get("/errors").text
    told = msgspec.json.decode(client.get("/api/v1/errors").data, type=ErrorGroups)

    (row,) = [found[0] for found in GROUP.finditer(page) if "KeyError" in found[0]]
    (group,) = [one for one in told.errors if one.error == "KeyError"]
    cells = [re.findall(rf'data-label="{name}"><time datetime="([^"]+)"', row) for name in ("First", "Last")]
    assert cells == [[iso(end)] for end in ends]
    assert group.first is not None
    assert group.last is not None
    assert [group.first.timestamp(), group.last.timestamp()] == pytest.approx(ends, abs=0.001)


def test_a_group_stays_the_same_row_while_more_fail(client: FlaskClient, store: Backend) -> None:
    fail(store, "KeyError: 'a'")
    fail(store, "ValueError: a")
    before = GROUP.findall(client.get("/errors?since=all").text)
    fail(store, "KeyError: 'b'")

    after = GROUP.findall(client.get("/errors?since=24h").text)

    assert after == list(reversed(before))


def test_a_group_leads_to_its_firings_and_to_the_newest_of_them(client: FlaskClient, store: Backend) -> None:
    *_, newest = fail(store, "KeyError: 'a'", 2)

    text = client.get("/errors").text

    assert f'href="/jobs/{newest}"' in text
    (link,) = re.findall(r'class="kind" href="([^"]+)"', text)
    assert client.get(html.unescape(link)).text.count("<tr id=") == 2


@pytest.mark.parametrize(
    ("query", "expected"),
    [("route=mail", 1), ("job=shop:buy", 1), ("error=KeyError", 2), ("queue=other", 0), ("", 3)],
)
def test_failures_are_filtered(client: FlaskClient, store: Backend, query: str, expected: int) -> None:
    fail(store, "KeyError: 'a'")
    fail(store, "KeyError: 'a'", job="shop:buy")
    fail(store, "ValueError: a", route="mail")

    assert len(groups(client, f"/errors?{query}")) == expected


def test_only_those_since_then_are_shown(client: FlaskClient, store: Backend) -> None:
    fail(store, "KeyError: 'a'")

    assert len(groups(client, "/errors?since=1h")) == 1
    assert len(groups(client, "/errors?since=all")) == 1
    assert "Choose a longer time" in client.get("/errors?since=0s").text


def test_a_time_that_makes_no_sense_is_told(client: FlaskClient, store: Backend) -> None:
    fail(store, "KeyError: 'a'")

    answer = client.get("/errors?since=soonish&queue=shop")

    assert answer.status_code == 400
    assert "is not a moment" in answer.text
    assert 'value="shop"' in answer.text


@pytest.fixture
def look(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at two failures, two more of each job, and two jobs."""
    monkeypatch.setattr("skunkqueue.web.pages.errors.LOOKED", 2)
    monkeypatch.setattr("skunkqueue.failures.MOST_JOBS", 2)
    monkeypatch.setattr("skunkqueue.failures.OF_EACH", 2)


@pytest.mark.usefixtures("look")
def test_a_bounded_look_says_so_and_goes_further_when_asked_to(client: FlaskClient, store: Backend) -> None:
    fail(store, "KeyError: 'a'", 3)

    text = client.get("/errors?since=all").text
    (further,) = re.findall(r'href="([^"]+)">Look further back', text)

    assert "The newest 2 failures were looked at" in text
    assert "There are older ones" in text
    assert "≥ 2 " in groups(client, "/errors?since=all")[0]
    assert " 3 " in groups(client, html.unescape(further))[0]


@pytest.mark.usefixtures("look")
@pytest.mark.parametrize("query", ["", "?since=1h", "?since=all", "?error=KeyError", "?queue=shop"])
def test_a_job_that_fails_very_often_hides_no_other_job(
    client: FlaskClient, store: Backend, query: str
) -> None:
    fail(store, "KeyError: 'a'", job="shop:old")
    fail(store, "KeyError: 'a'", 2, job="shop:older")
    fail(store, "KeyError: 'a'", 5)

    flood, older, old = sorted(groups(client, f"/errors{query}"), reverse=True)

    assert re.search(r"shop: sell .*≥ 2 .* or earlier ", flood)
    assert re.search(r"shop: older .* 2 ", older)
    assert re.search(r"shop: old .* 1 ", old)
    assert "≥" not in older + old
    assert "or earlier" not in older + old


@pytest.mark.usefixtures("look")
def test_in_the_api_such_a_job_hides_none_either(client: FlaskClient, store: Backend) -> None:
    fail(store, "KeyError: 'a'", job="shop:old")
    fail(store, "KeyError: 'a'", 5)

    told = client.get("/api/v1/errors?look=2").get_json()

    assert [(one["job"], one["count"], one["complete"]) for one in told["errors"]] == [
        ("shop:sell", 2, False),
        ("shop:old", 1, True),
    ]
    assert (told["complete"], told["left"]) == (False, [])


@pytest.mark.usefixtures("look")
def test_jobs_with_more_failures_than_are_looked_at_have_at_least_so_many(
    client: FlaskClient, store: Backend
) -> None:
    fail(store, "KeyError: 'a'", 3, job="shop:old")
    fail(store, "KeyError: 'a'", 3)

    assert ["≥ 2 " in told for told in groups(client)] == [True, True]


@pytest.mark.usefixtures("look")
def test_jobs_that_are_not_looked_at_are_named_and_lead_to_their_failures(
    client: FlaskClient, store: Backend
) -> None:
    for number in range(4):
        fail(store, "KeyError: 'a'", 4 - number, job=f"shop:old{number}")
    fail(store, "KeyError: 'a'", 5)

    text = client.get("/errors").text
    named = re.findall(r'href="([^"]+)"', text.partition('id="further"')[2].partition("</section>")[0])

    assert text.count('<tr id="group-') == 3
    assert [len(groups(client, html.unescape(link))) for link in named] == [1, 1]
    assert [re.sub(r".*job=([^&]+).*", r"\1", link) for link in named] == ["shop:old2", "shop:old3"]


@pytest.mark.usefixtures("look")
def test_where_the_look_ends_older_failures_can_be_looked_at(
    client: FlaskClient, store: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skunkqueue.web.pages.errors.LOOKED_FURTHER", 3)
    fail(store, "ValueError: a")
    fail(store, "KeyError: 'a'", 4)

    (before,) = re.findall(r'href="([^"]+)">Only those before', client.get("/errors?look=3").text)

    monkeypatch.setattr("skunkqueue.web.pages.errors.LOOKED", 9)

    assert any(told.startswith("ValueError") for told in groups(client, html.unescape(before)))


def test_failures_are_drawn_over_time_by_job(client: FlaskClient, store: Backend) -> None:
    fail(store, "KeyError: 'a'", 2)
    fail(store, "KeyError: 'a'", job="shop:buy")

    text = client.get("/errors").text

    assert "3 failures in this time" in text
    assert re.search(r'<li><span class="swatch[^>]*></span>shop:sell</li>', text)
    assert text.count("Failures of this job") >= 2


def test_the_current_bar_is_told_from_those_that_are_over(client: FlaskClient, store: Backend) -> None:
    fail(store, "KeyError: 'a'")

    current, before = (client.get(f"/errors?since=2h&until={until}").text for until in ("in 1h", "1h"))

    assert " so far<td>1" in current
    assert "the current one pale" in current
    assert "the current one pale" not in before


@pytest.mark.parametrize("since", ["1h", "24h", "7d", "30d", "all"])
def test_failures_on_a_dozen_routes_are_drawn_over_each_time(
    client: FlaskClient, store: Backend, since: str
) -> None:
    for number in range(12):
        fail(store, "KeyError: 'a'", route=f"route-{number}", job="shop:one")

    text = client.get(f"/errors?since={since}").text

    assert "12 failures in this time" in text


def test_only_those_until_then_are_shown_and_drawn(client: FlaskClient, store: Backend) -> None:
    fail(store, "KeyError: 'a'")

    before = client.get("/errors?since=2h&until=1h").text
    (way_out,) = re.findall(r'id="until">.*?href="([^"]+)"', before)

    assert "Nothing has failed" in before
    assert "0 failures in this time" in before
    assert 'name="until" value="1h"' in before
    assert len(groups(client, html.unescape(way_out))) == 1
    assert len(groups(client, "/errors?since=2h&until=in 1h")) == 1


def test_lengths_of_time_count_from_the_moment_that_the_address_names(
    client: FlaskClient, store: Backend
) -> None:
    fail(store, "KeyError: 'a'")
    now = store.now()

    assert groups(client, f"/errors?since=all&until=0s&at={now - 3_600}") == []
    assert len(groups(client, f"/errors?since=all&until=0s&at={now + 30}")) == 1


def test_an_end_before_the_beginning_is_told(client: FlaskClient) -> None:
    answer = client.get("/errors?since=1h&until=2h")

    assert answer.status_code == 400
    assert "until: " in answer.text


@pytest.mark.parametrize(("verb", "state"), [("requeue", State.PENDING), ("delete", None)])
def test_a_group_is_requeued_or_deleted(
    app: Flask, client: FlaskClient, store: Backend, verb: str, state: State | None
) -> None:
    meant = fail(store, "KeyError: 'a'", 2)
    others = [*fail(store, "ValueError: a"), *fail(store, "KeyError: 'a'", job="shop:buy")]
    links = [
        html.unescape(link) for link in re.findall(r'href="(/confirm[^"]+)"', client.get("/errors").text)
    ]
    link = next(link for link in links if f"verb={verb}" in link and "sell" in link and "KeyError" in link)

    question = client.get(link).text
    fields = {
        name: html.unescape(value)
        for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', question)
    }
    client.post(f"/do/firings/{verb}", data=fields)
    known: operations.Operations = app.extensions[operations.KEY]
    eventually(lambda: [one.state for one in known.all()] == ["done"])

    assert "2 firings?" in question
    found = store.results([*meant, *others])
    assert [None if one is None else one.state for one in found] == [state] * 2 + [State.ERROR] * 2


def test_failures_without_a_type_are_shown_without_buttons(client: FlaskClient, store: Backend) -> None:
    fail(store, None)

    (told,) = groups(client)

    assert "(no type)" in told
    assert "Requeue" not in told


def test_failures_of_unknown_jobs_lead_to_their_firings(client: FlaskClient, store: Backend) -> None:
    fail(store, "KeyError: 'a'", job="")

    (link,) = re.findall(r'class="kind" href="([^"]+)"', client.get("/errors").text)

    assert client.get(html.unescape(link)).text.count("<tr id=") == 1


def test_a_script_in_an_error_is_shown_as_text(client: FlaskClient, store: Backend) -> None:
    script = "<script>alert(1)</script>"
    fail(store, f"{script}: {script}", job=script)

    text = client.get("/errors").text

    assert "<script>alert" not in text
    assert text.count("&lt;script&gt;alert(1)") >= 3


class Hides:
    @hookimpl
    def skunkqueue_redact(self, where: str) -> str | None:
        return "(a secret)" if where == "error" else None


def test_a_message_that_a_plugin_hides_is_not_shown(app: Flask, client: FlaskClient, store: Backend) -> None:
    notifier = Notifier()
    assert notifier.add(Hides(), "ours")
    app.extensions[redaction.KEY] = Redactor(notifier)
    fail(store, "KeyError: hunter2")

    for url in ("/errors", "/jobs?state=error"):
        text = client.get(url).text
        assert "(a secret)" in text
        assert "hunter2" not in text


@pytest.mark.parametrize("name", ["_external", "_scheme", "_anchor", "_method", "endpoint", "self", "values"])
def test_no_name_in_the_address_breaks_the_page_or_the_way_out(client: FlaskClient, name: str) -> None:
    answer = client.get("/errors", query_string={name: "PUT", "until": "1h"})
    (way_out,) = re.findall(r'id="until">.*?href="([^"]+)"', answer.text)

    assert answer.status_code == 200
    assert html.unescape(way_out) == f"/errors?{name}=PUT"

"""Who killed a firing, and why, on its page."""

from __future__ import annotations

import html
import re

from flask.testing import FlaskClient

from skunkqueue.control import Control
from skunkqueue.payload import Failure, encode
from skunkqueue.persistence import Backend
from skunkqueue.records import Outcome, Verdict
from tests.web.firings import claim, firing


def put(store: Backend) -> str:
    made = firing()
    store.enqueue([made])
    return made.id


def killed_by(client: FlaskClient, id_: str) -> str | None:
    """Return what the page of a firing says of who killed it."""
    found = re.search(r'id="killed-by"><dt>Killed by</dt><dd>(.*?)</dd>', client.get(f"/jobs/{id_}").text)
    return None if found is None else html.unescape(re.sub(r"<[^>]*>", "", found[1]))


def test_a_killed_firing_says_who_killed_it_and_why(client: FlaskClient, store: Backend) -> None:
    id_ = put(store)
    Control(store, "ian@demo", "the wrong month").kill([id_])

    assert re.fullmatch(r"ian@demo, (now|\d+ s ago): the wrong month", killed_by(client, id_) or "")


def test_it_leads_to_the_entry_in_the_audit_log(client: FlaskClient, store: Backend) -> None:
    id_ = put(store)
    Control(store, "ian@demo").kill([id_])
    (entry,) = store.audit().entries

    assert f'<a href="/audit?id={entry.id}">ian@demo</a>' in client.get(f"/jobs/{id_}").text


def test_one_that_was_killed_while_it_ran_says_so_too(client: FlaskClient, store: Backend) -> None:
    id_ = put(store)
    (lent,) = claim(store)
    Control(store, "ian@demo").kill([id_])
    failure = Failure("Killed", "it was killed by request")
    end = Outcome(
        id=id_, token=lent.token, verdict=Verdict.KILLED, result=encode(failure), error=failure.line
    )
    store.settle([end])

    assert (killed_by(client, id_) or "").startswith("ian@demo, ")


def test_where_no_kill_names_it_the_page_says_where_it_looked(client: FlaskClient, store: Backend) -> None:
    id_ = put(store)
    store.kill([id_])

    assert killed_by(client, id_) == ("not known: none of the newest 200 kills in the audit log names it")


def test_one_whose_worker_was_stopped_roughly_was_killed_by_nobody(
    client: FlaskClient, store: Backend
) -> None:
    id_ = put(store)
    (lent,) = claim(store)
    error = "Killed: its worker was stopped roughly"
    store.settle([Outcome(id=id_, token=lent.token, verdict=Verdict.KILLED, error=error)])

    assert killed_by(client, id_) is None


def test_the_api_says_so_too(client: FlaskClient, store: Backend) -> None:
    id_ = put(store)
    Control(store, "ian@demo", "the wrong month").kill([id_])
    (entry,) = store.audit().entries

    told = client.get(f"/api/v1/jobs/{id_}").json["killed_by"]  # type: ignore[index]  # a dict

    assert (told["who"], told["why"], told["entry"]) == ("ian@demo", "the wrong month", entry.id)

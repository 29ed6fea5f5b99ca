"""Who killed a firing, and why, on its page."""

from __future__ import annotations

import html
import re

import pytest
from flask.testing import FlaskClient

from skunkqueue.control import Control
from skunkqueue.payload import Failure, encode
from skunkqueue.persistence import Backend
from skunkqueue.pools import Entry
from skunkqueue.records import Outcome, Record, State, Verdict
from skunkqueue.web.kills import entry_of
from tests.web.firings import claim, firing

DUE, FINISHED = 1_000.0, 5_000.0


def put(store: Backend) -> str:
    made = firing()
    store.enqueue([made])
    return made.id


def killed_by(client: FlaskClient, id_: str) -> str | None:
    """Return what the page of a firing says of who killed it."""
    found = re.search(r'id="killed-by"><dt>Killed by</dt><dd>(.*?)</dd>', client.get(f"/jobs/{id_}").text)
    return None if found is None else html.unescape(re.sub(r"<[^>]*>", "", found[1]))


def killed(**fields: object) -> Record:
    """Make a record of a firing that was killed while it ran."""
    given = {"id": "ab" * 12, "queue": "shop", "route": "default", "body": b"", "state": State.KILLED}
    times = {"enqueued": 900.0, "due": DUE, "began": 1_001.0, "finished": FINISHED}
    return Record(**{**given, **times, "priority": 5, "token": 1, **fields})  # type: ignore[arg-type]  # a test names them


def kill(at: float, on: str = "ab" * 12, **fields: str) -> Entry:
    return Entry(**{"id": "e", "at": at, "who": "ian@demo", "verb": "kill", "on": on, **fields})  # type: ignore[arg-type]  # the same


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


@pytest.mark.parametrize(
    ("entry", "is_found"),
    [
        (kill(4_000.0), True),
        (kill(4_000.0, on=f"{'cd' * 12}, {'ab' * 12}"), True),
        (kill(4_000.0, on="cd" * 12), False),
        (kill(6_000.0), False),
        (kill(950.0), False),
    ],
    ids=["names it", "names it with others", "names another", "came later", "before it was requeued"],
)
def test_only_a_kill_that_can_have_ended_it_is_named(entry: Entry, *, is_found: bool) -> None:
    assert entry_of(killed(), [entry]) == (entry if is_found else None)


def test_a_kill_before_it_was_due_can_have_ended_it() -> None:
    entry = kill(FINISHED - 0.1)

    assert entry_of(killed(began=None, due=9_000.0), [entry]) == entry

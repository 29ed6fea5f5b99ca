"""The audit log."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from skunkqueue.control import Control
from skunkqueue.ids import new_id
from skunkqueue.persistence import Backend
from skunkqueue.pools import MAX_ON, Entry
from skunkqueue.web import trail
from skunkqueue.web.pages import audit as page
from tests.web.firings import firing


def log(store: Backend, **fields: Any) -> Entry:
    entry = Entry(**{"id": new_id(), "who": "jed@box", "verb": "purge", "on": "queue shop", **fields})
    store.log_entry(entry)
    return entry


def test_without_entries_the_page_says_what_will_be_there(client: FlaskClient) -> None:
    assert "Nobody has done anything yet." in client.get("/audit").text


def test_entries_tell_who_did_what_why_and_what_it_did(client: FlaskClient, store: Backend) -> None:
    store.enqueue([firing(), firing()])
    Control(store, "jed@box", "a clean slate").purge("shop")

    text = client.get("/audit").text

    assert all(
        word in text for word in ("jed@box", "purge", "queue shop", "a clean slate", "removed 2 pending")
    )


def test_entries_are_found_by_person_verb_and_id(client: FlaskClient, store: Backend) -> None:
    jed = log(store)
    ada = log(store, who="ada@box", verb="kill")

    def shown(**asked: str) -> list[bool]:
        text = client.get("/audit", query_string=asked).text
        return [f'id="entry-{entry.id}"' in text for entry in (jed, ada)]

    assert shown() == [True, True]
    assert shown(who="jed@box") == [True, False]
    assert shown(verb="kill") == [False, True]
    assert shown(id=jed.id) == [True, False]
    assert shown(who="jed@box", verb="kill") == [False, False]


def test_entries_come_in_pages(client: FlaskClient, store: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "SHOWN", 2)
    entries = [log(store, who="jed&co") for _ in range(3)]

    first = client.get("/audit", query_string={"who": "jed&co"}).text
    link = first.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
    second = client.get(link).text

    assert [f'id="entry-{entry.id}"' in first for entry in entries] == [False, True, True]
    assert [f'id="entry-{entry.id}"' in second for entry in entries] == [True, False, False]
    assert 'rel="next"' not in second


def test_a_strange_cursor_is_refused(client: FlaskClient) -> None:
    answer = client.get("/audit", query_string={"after": "nonsense"})

    assert answer.status_code == 400
    assert "the parameter after=" in answer.text


def test_how_far_a_command_has_come_is_shown(client: FlaskClient, store: Backend) -> None:
    entry = log(store, verb="stop", on="worker w")
    store.note_entry(entry.id, heard=True)

    text = client.get("/audit").text

    assert "heard after" in text
    assert "not done yet" in text


@pytest.mark.parametrize(
    ("did", "shown"),
    [
        ("failed: it is kept: a new worker cannot start", "failed</span> after"),
        ("nothing: the pool is stopping already", "nothing to do after"),
        ("replaced 2", ">done after"),
    ],
)
def test_how_a_command_ended_is_shown(client: FlaskClient, store: Backend, did: str, shown: str) -> None:
    entry = log(store, verb="restart", on="pool p")
    store.note_entry(entry.id, did=did, done=True)
    store.note_entry(entry.id, heard=True)

    text = client.get("/audit").text

    assert shown in text
    assert ('class="bad">failed: it is kept' in text) == did.startswith("failed")


def test_what_whoever_asks_does_himself_is_not_waited_for(client: FlaskClient, store: Backend) -> None:
    log(store, verb="delete", on="all", did="deleted 58000 of at least 10000")

    text = client.get("/audit").text

    assert "deleted 58000 of at least 10000, not finished" in text
    assert "heard" not in text.partition("<tbody>")[2].partition("</tbody>")[0]


def test_what_an_entry_brings_is_shown_as_text(client: FlaskClient, store: Backend) -> None:
    log(store, who="<script>1", verb="<script>2", on="<script>3", why="<script>4")

    text = client.get("/audit").text

    assert all(f"&lt;script&gt;{number}" in text for number in (1, 2, 3, 4))
    assert not any(f"<script>{number}" in text for number in (1, 2, 3, 4))


@pytest.mark.parametrize(
    ("on", "links"),
    [
        ("worker 01a2223ee771233fd8f2ada5", ["/workers/01a2223ee771233fd8f2ada5"]),
        ("pool box:17:abcdef", ["/pools/box:17:abcdef"]),
        ("schedule a & b of queue shop", ["/schedule?queue=shop&name=a+%26+b"]),
        ("route mail of queue shop", ["/queue?queue=shop&route=mail"]),
        ("queue shop", ["/queues"]),
        (
            "01a2223ee771233fd8f2ada5, 01a2223ee771233fd8f2ada6",
            ["/jobs/01a2223ee771233fd8f2ada5", "/jobs/01a2223ee771233fd8f2ada6"],
        ),
        ("12 firings: 01a2223ee771233fd8f2ada5, ...", ["/jobs/01a2223ee771233fd8f2ada5"]),
        ("what is past its time", []),
        ("pool a/b", []),
        (f"schedule {'x' * (MAX_ON - 25)} of queue sho...", []),
        ("", []),
    ],
)
def test_what_an_entry_is_about_is_linked(app: Flask, on: str, links: list[str]) -> None:
    with app.test_request_context():
        found = trail.pieces(on)

    assert "".join(piece.text for piece in found) == on
    assert [piece.url for piece in found if piece.url] == links

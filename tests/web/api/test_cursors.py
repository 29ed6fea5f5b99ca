"""Cursors of the API's listings: onward to the end, and back to the beginning."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from skunkqueue.control import Control
from skunkqueue.ids import new_id
from skunkqueue.names import MAX_NAME_BYTES
from skunkqueue.persistence import Backend
from skunkqueue.pools import Entry
from skunkqueue.web import schedule_views
from tests.web.crews import add_pool
from tests.web.firings import firing
from tests.web.schedules import declare

LISTINGS = {
    "/jobs": ("jobs", "id"),
    "/routes": ("routes", "route"),
    "/totals": ("totals", "route"),
    "/schedules": ("schedules", "name"),
    "/audit": ("entries", "id"),
    "/workers": ("workers", "id"),
    "/pools": ("pools", "id"),
}
"""What has cursors: by its path, the name of its list, and a name of each item."""
MANY = 7
LIMIT = 3


@pytest.fixture
def filled(store: Backend, strategies: None, monkeypatch: pytest.MonkeyPatch) -> Backend:
    """A store that has seven of each."""
    del strategies
    monkeypatch.setattr(schedule_views, "PAGE", LIMIT)
    store.enqueue([firing(route=f"route-{number}") for number in range(MANY)])
    for number in range(MANY):
        declare(store, f"tick-{number}", route=f"route-{number}")
        add_pool(store, host=f"box-{number}")
        store.log_entry(Entry(id=new_id(), who="jed@box", verb="purge", on="queue shop"))
    return store


def read(client: FlaskClient, path: str, **query: str) -> dict[str, Any]:
    if path != "/schedules":
        query["limit"] = str(LIMIT)
    if path == "/jobs":
        query["order"] = "newest"
    answer = client.get(f"/api/v1{path}", query_string=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = json.loads(answer.data)
    return found


def walked(client: FlaskClient, path: str, page: dict[str, Any], way: str) -> list[dict[str, Any]]:
    """Follow ``next`` or ``previous`` to the end."""
    pages = [page]
    while (cursor := pages[-1][way]) is not None:
        pages.append(read(client, path, cursor=cursor))
        assert len(pages) < MANY
    return pages


def names(path: str, page: dict[str, Any]) -> list[str]:
    listed, name = LISTINGS[path]
    return [one[name] for one in page[listed]]


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("path", LISTINGS)
def test_a_listing_is_walked_to_its_end_and_back(client: FlaskClient, path: str) -> None:
    onward = walked(client, path, read(client, path), "next")
    back = walked(client, path, onward[-1], "previous")

    everything = [name for page in onward for name in names(path, page)]
    assert len(everything) == len(set(everything)) >= MANY
    assert len(onward) > 2
    assert [names(path, page) for page in reversed(back)] == [names(path, page) for page in onward]


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("path", LISTINGS)
def test_the_first_page_has_nothing_before_it(client: FlaskClient, path: str) -> None:
    assert read(client, path)["previous"] is None


@pytest.mark.parametrize("character", ["ж", "狐", "🦨", '"'])
@pytest.mark.parametrize("path", ["/routes", "/totals", "/schedules"])
def test_a_listing_of_the_longest_names_is_walked_to_its_end(
    client: FlaskClient, store: Backend, monkeypatch: pytest.MonkeyPatch, path: str, character: str
) -> None:
    monkeypatch.setattr(schedule_views, "PAGE", LIMIT)
    long = character * ((MAX_NAME_BYTES - 1) // len(character.encode()))
    for number in range(MANY):
        last = f"{long}{number}"
        store.enqueue([firing(queue=long, route=last, job=long)])
        declare(store, last, queue=long, route=last)

    onward = walked(client, path, read(client, path), "next")

    assert len({name for page in onward for name in names(path, page)}) == MANY


def test_what_came_meanwhile_is_before_the_first_page(client: FlaskClient, filled: Backend) -> None:
    first = read(client, "/audit", verb="purge")
    second = read(client, "/audit", verb="purge", cursor=first["next"])
    Control(filled, "ada").purge("shop")
    Control(filled, "ada").purge("shop")

    again = read(client, "/audit", verb="purge", cursor=second["previous"])
    newest = read(client, "/audit", verb="purge", cursor=again["previous"])

    assert names("/audit", again) == names("/audit", first)
    assert [one["who"] for one in newest["entries"]] == ["ada", "ada"]
    assert newest["previous"] is None


def test_a_page_before_has_only_what_is_asked_for(client: FlaskClient, filled: Backend) -> None:
    filled.enqueue([firing(route=f"mail-{number}") for number in range(5)])
    first = read(client, "/routes", text="mail")
    second = read(client, "/routes", text="mail", cursor=first["next"])

    assert names("/routes", second) == ["mail-3", "mail-4"]
    again = read(client, "/routes", text="mail", cursor=second["previous"])
    assert names("/routes", again) == names("/routes", first)


def test_all_workers_of_one_pool_are_listed(client: FlaskClient, store: Backend) -> None:
    pool = add_pool(store, workers=MANY, host="alpha")
    add_pool(store, workers=MANY, host="beta")
    pages = [read(client, "/workers", pool=pool.id)]
    while (cursor := pages[-1]["next"]) is not None:
        pages.append(read(client, "/workers", pool=pool.id, cursor=cursor))

    found = [name for page in pages for name in names("/workers", page)]
    assert found == sorted(process.worker for process in pool.processes)


@pytest.mark.parametrize(
    "cursor", ["x", "n", "p", "n0b!", "p0b!", "nnn", "n0bxxxx", "nWyJhIl0", "%00", "-" * 2_000]
)
@pytest.mark.parametrize("path", LISTINGS)
def test_a_cursor_that_no_page_gave_leads_nowhere(client: FlaskClient, path: str, cursor: str) -> None:
    assert client.get(f"/api/v1{path}?cursor={cursor}").status_code in (200, 404)

"""How little the pages ask of the store, however many people look at them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient

from skunkqueue.control import Control
from skunkqueue.listings import Query
from skunkqueue.persistence import Backend
from skunkqueue.web import attention
from skunkqueue.web.live.events import KEY as STREAMS
from skunkqueue.web.live.streams import Streams
from skunkqueue.web.source import KEY, Source
from tests.support.waiting import eventually
from tests.web.crews import add_worker
from tests.web.everything import PAGES, fill
from tests.web.firings import firing

LIVE = {"X-SkunkQueue-Live": "1"}
UNSHARED = (
    "find.",
    "route_actions.",
    "firing_actions.",
    "worker_actions.",
    "schedule_actions.",
    "plugins.",
)
"""Beginnings of endpoints that answer one person: a search, and what would change now; and of one that never asks the store."""


@pytest.fixture
def asked(app: Flask, store: Backend, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked of the store by the pages themselves."""
    source: Source = app.extensions[KEY]
    backend = source.backend
    names: list[str] = []

    def noting(name: str, verb: Callable[..., object]) -> Callable[..., object]:
        def note(*args: object, **kwargs: object) -> object:
            names.append(name)
            return verb(*args, **kwargs)

        return note

    for name in dir(backend):
        if not name.startswith("_") and callable(getattr(type(backend), name, None)):
            monkeypatch.setattr(backend, name, noting(name, getattr(backend, name)))
    monkeypatch.setattr(attention, "CHECKS", [])
    del store
    return names


@pytest.fixture
def unhurried(app: Flask, store: Backend) -> Source:
    """Nothing grows old, whatever the machine does meanwhile; but what follows a change is newer."""
    source: Source = app.extensions[KEY]
    source._monotonic = itertools.count(1.0, 1e-6).__next__
    streams: Streams = app.extensions[STREAMS]
    streams._seconds = 3_600.0
    assert streams.mark() is not None
    del store
    return source


def test_the_overview_asks_for_counts_and_never_for_firings(
    client: FlaskClient, store: Backend, asked: list[str]
) -> None:
    store.enqueue([firing()])
    client.get("/?over=day", headers=LIVE)

    assert set(asked) == {"busiest", "workers", "counters", "now"}


def asked_for(client: FlaskClient, asked: list[str], url: str) -> list[str]:
    """Return what is asked of the store when a live page is fetched."""
    asked.clear()
    client.get(url, headers=LIVE)
    return list(asked)


def addresses(client: FlaskClient, store: Backend) -> list[str]:
    """Fill the store, and return the addresses of all live pages."""
    shown = fill(store)
    entry = Control(store, "jed").quiet_worker(shown.worker)
    (run,) = store.rows(Query(schedule="tick"), 1).rows
    onward, *_ = re.findall(r'href="([^"]+after=[^"]+)"', client.get("/jobs?limit=1").text)
    live = [address(shown) for endpoint, address in PAGES.values() if not endpoint.startswith(UNSHARED)]
    return [
        *live,
        f"/workers?entry={entry}",
        f"/workers/{shown.worker}?entry={entry}&entry=unknown",
        f"/jobs/{run.id}",
        f"/jobs/{shown.done[:-4]}0000",
        unescape(onward),
    ]


@pytest.mark.usefixtures("unhurried")
def test_what_one_has_read_is_shown_to_all(
    app: Flask, client: FlaskClient, store: Backend, asked: list[str]
) -> None:
    def read(url: str) -> None:
        # Some of it is read on other threads, after the page has been answered.
        eventually(lambda: asked_for(client, asked, url) == [], what=f"{url} asks nothing more")

    repeated = {}
    for url in addresses(client, store):
        read(url)
        repeated[url] = [asked_for(app.test_client(), asked, url) for _ in range(2)]

    assert {url: told for url, told in repeated.items() if any(told)} == {}


@pytest.mark.usefixtures("unhurried")
def test_what_somebody_does_is_on_the_pages_that_all_share(
    app: Flask, client: FlaskClient, store: Backend
) -> None:
    worker = add_worker(store)
    (id_,) = store.enqueue([firing()])
    pages = [f"/jobs/{id_}", f"/workers/{worker}", "/jobs?state=killed"]
    before = [client.get(url, headers=LIVE).text for url in pages]

    client.post("/do/firings/kill", data={"id": id_, "why": "it is mad"})
    client.post("/do/worker", data={"verb": "quiet", "id": worker, "why": "it is mad"})

    after = [app.test_client().get(url, headers=LIVE).text for url in pages]
    signs = "it is mad", "it is mad", id_
    told = [[sign in text for sign, text in zip(signs, texts, strict=True)] for texts in (before, after)]
    assert told == [[False] * 3, [True] * 3]

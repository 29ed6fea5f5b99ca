"""The overview of one job or route: its figures are its own, whether the store counts it by its name or not, and how busy others are."""

from __future__ import annotations

import re
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient

from skunkqueue.persistence import Backend
from skunkqueue.persistence.asking import MAX_JOBS
from skunkqueue.web import job_sums, routes
from skunkqueue.web.source import KEY, Source
from tests.web.firings import claim, firing


def figures(text: str) -> list[str]:
    """Return what is shown as pending and as running."""
    found = re.findall(
        r'(?:Pending|Running)</span><span class="tile-value">(.*?)</span><span class="tile-note">', text
    )
    return [unescape(re.sub("<[^>]+>", "", each)) for each in found]


def test_the_figures_of_one_job_are_those_of_that_job(client: FlaskClient, store: Backend) -> None:
    store.enqueue([firing(job=job) for job in ("shop:send", "shop:send", "shop:pay")])

    text = client.get("/?job=shop:send").text

    assert figures(text) == ["2", "0"]
    assert "Longest wait" not in text


@pytest.fixture
def many_jobs(store: Backend) -> str:
    """A route that has so many jobs that another one is not counted by its own name; return this one."""
    store.enqueue([firing(job=f"shop:job_{number}") for number in range(MAX_JOBS)])
    store.enqueue([firing(job="shop:late", priority=9) for _ in range(3)])
    claim(store)
    return "shop:late"


def test_a_job_that_is_not_counted_by_its_name_has_figures_of_its_own(
    client: FlaskClient, many_jobs: str
) -> None:
    text = client.get("/", query_string={"job": many_jobs}).text

    assert figures(text) == ["2", "1"]
    assert 'id="mixed"' in text


def test_a_job_of_which_not_all_were_looked_at_has_at_least_so_many(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, many_jobs: str
) -> None:
    monkeypatch.setattr(job_sums, "LOOKED_AT", 1)

    assert figures(client.get("/", query_string={"job": many_jobs}).text) == ["≥ 1", "1"]


@pytest.mark.usefixtures("many_jobs")
def test_a_misspelt_job_has_no_figures_where_others_are_not_counted_by_name(client: FlaskClient) -> None:
    text = client.get("/?job=shop:lste").text

    assert figures(text) == ["0", "0"]
    assert "The store has no firing of job shop:lste." in text


def test_a_store_that_cannot_count_a_job_shows_no_figures_of_all(
    app: Flask, client: FlaskClient, store: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.enqueue([firing(job="shop:send"), firing(job="shop:pay")])
    source: Source = app.extensions[KEY]
    monkeypatch.setattr(source.backend, "capabilities", frozenset({"counters"}))

    text = client.get("/?job=shop:send").text

    assert figures(text) == ["\N{EN DASH}"] * 2
    assert re.search(
        r'<a class="tile" href="/jobs\?[^"]*job=shop:send[^"]*">\s*<span class="tile-label">Pending', text
    )
    assert "The store has no firing" not in text


def test_the_figures_of_a_route_are_of_all_queues_also_where_others_are_busier(
    client: FlaskClient, store: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "MANY", 1)
    store.enqueue([firing(route="busy") for _ in range(9)])
    store.enqueue([firing(queue="bank", route="mail"), firing(route="mail"), firing(route="mailbox")])

    text = client.get("/?route=mail").text

    assert figures(text) == ["2", "0"]
    assert "There is no route" not in text

"""What all pages have in common."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from skunkqueue.persistence import Backend
from tests.web import pictured
from tests.web.everything import NOT_PAGES, OTHERS, PAGES, fill
from tests.web.firings import firing
from tests.web.schedules import declare

pytestmark = pytest.mark.usefixtures("strategies")


def test_every_page_is_among_those_that_are_looked_at(app: Flask) -> None:
    pages = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and not rule.endpoint.startswith(("api.", "health."))
    }

    assert pages - NOT_PAGES == {endpoint for endpoint, _ in PAGES.values()}


def test_every_page_is_among_those_that_are_drawn(app: Flask) -> None:
    urls = app.url_map.bind("localhost")
    # Of a path over links the last one counts; of some links only their beginning is known.
    paths = [path.split(" > ")[-1].partition("?")[0] for path in pictured.PAGES.values()]
    drawn = {
        urls.match(f"{path}x" if path.endswith("/") and path != "/" else path)[0]
        for path in paths
        if path != "/nowhere"
    }

    assert {endpoint for endpoint, _ in PAGES.values()} == drawn


def test_the_header_says_which_page_one_is_on(client: FlaskClient, store: Backend) -> None:
    shown = fill(store)

    for name, (endpoint, address) in PAGES.items():
        (links,) = re.findall(r'<nav class="pages".*?</nav>', client.get(address(shown)).text, re.DOTALL)
        assert links.count('aria-current="page"') == (endpoint != "find.find"), name


def test_no_page_has_scripts_or_styles_within_it_and_each_has_one_heading(
    client: FlaskClient, store: Backend
) -> None:
    shown = fill(store)
    pages = {name: (200, address) for name, (_, address) in PAGES.items()}

    for name, (status, address) in {**pages, **OTHERS}.items():
        answer = client.get(address(shown))
        assert answer.status_code == status, name
        text = answer.text
        assert not re.search(
            r"<[^>]* style=|<style|<script(?![^>]* src=)|<[^>]* on[a-z]+=|javascript:", text
        ), name
        assert len(re.findall(r"<h1\b", text)) == 1, name
        assert not re.search(r'(?:src|href)="(?:https?:)?//', text), name


def test_no_id_stands_on_a_page_twice(client: FlaskClient, store: Backend) -> None:
    shown = fill(store)

    for name, (_, address) in PAGES.items():
        ids = re.findall(r'<[^>]* id="([^"]+)"', client.get(address(shown)).text)
        assert sorted(set(ids)) == sorted(ids), name


def test_names_that_are_alike_when_joined_make_no_id_twice(client: FlaskClient, store: Backend) -> None:
    for queue, name in (("shop", "eu-mail"), ("shop-eu", "mail")):
        declare(store, name, queue=queue)
        store.enqueue([firing(queue=queue, route=name)])

    for path in ("/schedules", "/queues"):
        ids = re.findall(r'<[^>]* id="([^"]+)"', client.get(path).text)
        assert len([id_ for id_ in ids if id_.endswith("mail")]) == 2
        assert sorted(set(ids)) == sorted(ids)


def test_each_page_can_be_fetched_as_its_content_alone(client: FlaskClient, store: Backend) -> None:
    shown = fill(store)

    for name, (_, address) in PAGES.items():
        text = client.get(address(shown), headers={"X-SkunkQueue-Live": "1"}).text
        assert text.count("<main") == 1, name
        assert '<header class="top">' not in text, name

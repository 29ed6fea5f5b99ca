"""The page of queues."""

from __future__ import annotations

from flask.testing import FlaskClient

from skunkqueue.persistence import Backend
from tests.web.firings import firing


def test_a_store_without_firings_says_what_to_do_next(client: FlaskClient) -> None:
    assert "skunq work" in client.get("/queues").text


def test_a_route_is_shown_with_what_is_pending(client: FlaskClient, store: Backend) -> None:
    store.enqueue([firing(route="mail"), firing(route="mail")])

    text = client.get("/queues").text

    assert "mail" in text
    assert '<span class="number">2</span>' in text


def test_a_name_that_looks_like_a_script_is_shown_as_text(client: FlaskClient, store: Backend) -> None:
    store.enqueue([firing(route="<script>alert(1)</script>")])

    text = client.get("/queues").text

    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text

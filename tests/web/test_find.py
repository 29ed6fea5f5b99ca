"""Search: by id, by name, by a part of it, and by what is nearly it."""

from __future__ import annotations

import html
import re

import pytest
from flask.testing import FlaskClient

from skunkqueue.persistence import Backend
from tests.web.crews import add_pool, add_worker
from tests.web.firings import firing
from tests.web.schedules import declare


@pytest.fixture(autouse=True)
def _filled(store: Backend) -> None:
    store.enqueue(
        [firing(route="mail", job="shop.mails:send"), firing(route="mailings", job="shop.mails:bulk")]
    )
    store.enqueue([firing(route="reports", job="shop.reports:Monthly")])


def search(client: FlaskClient, text: str) -> tuple[int, str, list[str]]:
    """Search; return the status, where it leads and what is listed."""
    answer = client.get("/find", query_string={"q": text})
    listed = re.findall(r"<li data-row><a[^>]*>(.*?)</a>", answer.text, re.DOTALL)
    names = [html.unescape(re.sub(r"<[^>]+>", "", name)) for name in listed]
    return answer.status_code, html.unescape(answer.headers.get("Location", "")), names


@pytest.mark.parametrize(
    ("text", "leads_to"),
    [
        ("reports:Monthly", "/jobs?job=shop.reports:Monthly"),
        ("monthly", "/jobs?job=shop.reports:Monthly"),
        ("mailings", "/queue?queue=shop&route=mailings"),
        ("  mailings ", "/queue?queue=shop&route=mailings"),
    ],
)
def test_one_match_is_led_to(client: FlaskClient, text: str, leads_to: str) -> None:
    assert search(client, text) == (302, leads_to, [])


def test_a_worker_a_pool_and_a_schedule_are_found(client: FlaskClient, store: Backend) -> None:
    worker = add_worker(store, host="box-7")
    pool = add_pool(store, host="box-8", workers=1)
    declare(store, "every morning")

    assert search(client, worker)[1] == f"/workers/{worker}"
    assert search(client, "box-7")[1] == f"/workers/{worker}"
    assert search(client, pool.id)[1] == f"/pools/{pool.id}"
    assert search(client, "morning")[1] == "/schedule?queue=shop&name=every+morning"


@pytest.mark.parametrize("text", ["queue", "process", "1 worker", "of queue shop"])
def test_words_of_ours_beside_a_name_are_no_match(client: FlaskClient, store: Backend, text: str) -> None:
    add_pool(store, host="box-8", workers=1)
    declare(store, "every morning")

    assert search(client, text) == (404, "", [])


def test_a_match_is_led_to_below_the_prefix_of_who_asks(client: FlaskClient) -> None:
    for prefix in ("/one", "/two"):
        answer = client.get("/find?q=mailings", environ_overrides={"SCRIPT_NAME": prefix})
        assert answer.headers["Location"].startswith(f"{prefix}/queue?")


def test_several_matches_are_a_page_of_them(client: FlaskClient) -> None:
    assert search(client, "MAIL") == (200, "", ["mail", "mailings", "shop.mails:bulk", "shop.mails:send"])


def test_an_id_and_the_start_of_one_are_found(client: FlaskClient, store: Backend) -> None:
    one = firing()
    store.enqueue([one])

    assert search(client, one.id)[1] == f"/jobs/{one.id}"
    status, _, listed = search(client, one.id[:4])
    assert status == 200
    assert one.id in listed


@pytest.mark.parametrize(
    ("text", "near"), [("mial", "mail"), ("montly", "shop.reports:Monthly"), ("reprots", "reports")]
)
def test_a_name_that_is_nearly_so_is_suggested(client: FlaskClient, text: str, near: str) -> None:
    status, _, listed = search(client, text)

    assert status == 404
    assert near in listed


def test_what_nothing_resembles_says_what_can_be_found(client: FlaskClient) -> None:
    text = client.get("/find", query_string={"q": "<script>zzz"}).text

    assert "first four or more characters" in text
    assert "&lt;script&gt;zzz" in text
    assert "<script>zzz" not in text


def test_a_search_for_nothing_leads_to_the_jobs(client: FlaskClient) -> None:
    assert search(client, " ")[:2] == (302, "/jobs")

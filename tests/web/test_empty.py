"""What pages say where there is nothing to show: what is not there, and what to do next."""

from __future__ import annotations

import html
import re

import pytest
from flask.testing import FlaskClient

from skunkqueue.control import Control
from skunkqueue.persistence import Backend
from tests.web.crews import add_pool, add_worker
from tests.web.firings import firing

NOWHERE = {
    "/?queue=nope": "There is no queue nope.",
    "/?route=nope": "There is no route nope.",
    "/?queue=shop&route=nope": "There is no route nope in queue shop.",
    "/?job=nope": "The store has no firing of job nope.",
    "/queues?of=nope": "There is no queue nope.",
    "/queues?text=nope": "No route has “nope” in its name",
    "/jobs?queue=nope": "No firing matches.",
    "/errors?queue=nope": "Nothing that matches has failed in this time.",
    "/errors?queue=nope&since=all": "Nothing that matches has failed, or all of it has been removed",
    "/errors": "Nothing has failed in this time.",
    "/errors?since=all": "Nothing has failed, or all of it has been removed",
    "/workers?queue=nope": "No worker is there for queue nope.",
    "/workers/nope": "This worker has ended, or never was.",
    "/pools/nope": "This pool has ended, or never was.",
    "/schedules?queue=nope": "Queue nope has no schedule.",
    "/schedules?after_queue=z&after=z": "There are no more schedules.",
    "/schedule?queue=shop&name=nope": "has no schedule of this name.",
    "/audit?who=nope": "There are no such entries.",
    "/operations": "Nothing was done in the background",
    "/operations?id=nope": "does not know that operation",
    "/jobs/00000000nope": "The store does not know a firing",
    "/confirm/pause?queue=nope": "has no route.",
    "/confirm/schedule?queue=shop&name=nope": "has no schedule of this name.",
    "/confirm/worker?verb=stop&id=nope": "has ended already.",
}
"""What each page says, by its address."""


@pytest.mark.parametrize("path", NOWHERE)
def test_a_page_with_nothing_to_show_says_so_and_leads_on(
    client: FlaskClient, store: Backend, path: str
) -> None:
    store.enqueue([firing(job="shop:send")])
    add_worker(store)
    Control(store, "ann").pause("shop", "default")

    text = client.get(path).text

    (said,) = re.findall(r'<div class="empty">(.*?)</div>', text, re.DOTALL)
    assert NOWHERE[path] in html.unescape(said)
    (way,) = re.findall(r'<a class="button" href="([^"]+)"', said)
    onward = client.get(html.unescape(way)).text
    assert NOWHERE[path] not in html.unescape(onward)


@pytest.mark.parametrize("path", ["/", "/queues", "/jobs", "/workers", "/schedules", "/audit"])
def test_a_new_store_says_how_to_begin(client: FlaskClient, path: str) -> None:
    text = client.get(path).text

    (said,) = re.findall(r'<div class="empty">(.*?)</div>', text, re.DOTALL)
    assert '<p class="next">' in said


@pytest.mark.parametrize(
    ("state", "said"),
    [("running", "It starts 2 workers by itself"), ("stopping", "when what runs is done, it ends")],
)
@pytest.mark.parametrize("page", ["/workers", "/pools/{}"])
def test_a_pool_without_workers_says_what_starts_them(
    client: FlaskClient, store: Backend, page: str, state: str, said: str
) -> None:
    pool = add_pool(store, workers=2, processes=(), state=state)
    for worker in store.workers():
        store.unregister(worker.id)

    assert said in client.get(page.format(pool.id)).text


LISTENED_ON = {
    "/": ("Nothing was fired here yet.", "3 workers listen."),
    "/queues": ("Nothing was fired here yet.", "3 workers listen."),
    "/?queue=shop": ("Nothing was fired in queue shop yet.", "2 workers listen there."),
    "/queues?of=shop": ("Nothing was fired in queue shop yet.", "2 workers listen there."),
    "/?route=mail": ("Nothing was fired on route mail yet.", "2 workers listen there."),
    "/?queue=shop&route=mail": (
        "Nothing was fired on route mail of queue shop yet.",
        "1 worker listens there.",
    ),
    "/?queue=shop&route=nope": ("There is no route nope in queue shop.", "no worker listens on it"),
}
"""What each page says where nothing was fired, and next to it."""


@pytest.mark.parametrize("path", LISTENED_ON)
def test_where_nothing_was_fired_yet_a_page_counts_the_workers_that_listen(
    client: FlaskClient, store: Backend, path: str
) -> None:
    add_worker(store, route="mail")
    add_worker(store, route="news")
    add_worker(store, queue="bank", route="mail")

    (said,) = re.findall(r'<div class="empty">(.*?)</div>', client.get(path).text, re.DOTALL)

    what, next_ = LISTENED_ON[path]
    assert f"<p>{what}</p>" in said
    assert next_ in said

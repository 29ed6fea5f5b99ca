"""Pages of lists: onward to the end, and back to the beginning."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from skunkqueue.ids import new_id
from skunkqueue.persistence import Backend
from skunkqueue.pools import Entry
from skunkqueue.web import fleet, schedule_views
from skunkqueue.web.pages import audit, queues
from skunkqueue.web.paging import part_of
from tests.web.crews import add_pool
from tests.web.firings import firing
from tests.web.schedules import declare

MANY = 7


def fill_routes(store: Backend) -> str:
    store.enqueue([firing(route=f"a & {number}") for number in range(MANY)])
    return "/queues?text=a"


def fill_schedules(store: Backend) -> str:
    for number in range(MANY):
        declare(store, f"tick & {number}")
    return "/schedules"


def fill_audit(store: Backend) -> str:
    for _ in range(MANY):
        store.log_entry(Entry(id=new_id(), who="jed & co", verb="purge", on="queue shop"))
    return "/audit?who=jed+%26+co"


def fill_pool(store: Backend) -> str:
    return f"/pools/{add_pool(store, workers=MANY).id}"


def rows(text: str) -> list[str]:
    """Name the rows of what is listed."""
    return re.findall(r'<tr id="((?:route|schedule|entry|worker)-[^"]+)"', text)


def walked(client: FlaskClient, url: str, way: str) -> tuple[list[list[str]], str]:
    """Follow the links of pages to the end; return their rows, and the last address."""
    pages = [client.get(url).text]
    while link := re.search(rf'rel="{way}" href="([^"]+)"', pages[-1]):
        url = html.unescape(link[1])
        pages.append(client.get(url).text)
        assert len(pages) <= MANY
    return [rows(page) for page in pages], url


@pytest.mark.usefixtures("strategies")
@pytest.mark.parametrize("fill", [fill_routes, fill_schedules, fill_audit, fill_pool])
def test_a_list_is_walked_to_its_end_and_back(
    client: FlaskClient, store: Backend, monkeypatch: pytest.MonkeyPatch, fill: Callable[[Backend], str]
) -> None:
    for module, name in ((queues, "SHOWN"), (schedule_views, "PAGE"), (audit, "SHOWN"), (fleet, "MOST")):
        monkeypatch.setattr(module, name, 3)
    url = fill(store)

    onward, last = walked(client, url, "next")
    back, _ = walked(client, last, "prev")

    assert [len(page) for page in onward] == [3, 3, 1]
    assert len({row for page in onward for row in page}) == MANY
    assert back == onward[::-1]


def test_workers_that_one_page_does_not_show_are_a_link_away(
    client: FlaskClient, store: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet, "MOST", 3)
    pools = [add_pool(store, workers=2, host=host) for host in ("alpha", "beta", "gamma")]

    text = client.get("/workers").text

    assert len(rows(text)) == 3
    assert f'<a href="/pools/{pools[1].id}">1 worker more on the page of this pool</a>' in text
    assert f'<a href="/pools/{pools[2].id}">2 workers on the page of this pool</a>' in text


def test_a_page_past_the_end_leads_to_the_first(client: FlaskClient, store: Backend) -> None:
    pool = add_pool(store)

    text = client.get(f"/pools/{pool.id}?after_route=z&after=z").text

    assert f'href="/pools/{pool.id}">Show the first ones</a>' in text


def test_a_page_is_chosen_by_places_that_need_not_be_there() -> None:
    def part(**asked: int) -> tuple[tuple[int, ...], int | None, int | None]:
        found = part_of([10, 20, 30, 40, 50], lambda one: one, 2, **asked)
        return found.items, found.next, found.previous

    assert part() == ((10, 20), 20, None)
    assert part(after=20) == ((30, 40), 40, 30)
    assert part(after=25) == ((30, 40), 40, 30)
    assert part(after=40) == ((50,), None, 50)
    assert part(after=50) == ((), None, None)
    assert part(before=50) == ((30, 40), 40, 30)
    assert part(before=30) == ((10, 20), 20, None)
    assert part(before=20) == ((10,), 10, None)
    assert part(before=10) == ((), None, None)

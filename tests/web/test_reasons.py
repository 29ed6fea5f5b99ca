"""Reasons: each action can be given one from its page, without scripts, and through the API."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Callable
from urllib.parse import parse_qsl, urlsplit

import pytest
from flask.testing import FlaskClient

from skunkqueue.control import Control
from skunkqueue.persistence import Backend
from skunkqueue.records import Outcome, Verdict
from skunkqueue.web.operations import Operations
from tests.web.crews import add_pool, add_worker
from tests.web.everything import PAGES, fill
from tests.web.firings import QUEUE, claim, firing
from tests.web.forms import BUTTON, FORM, press
from tests.web.held import Hold
from tests.web.schedules import declare

pytestmark = pytest.mark.usefixtures("strategies")

WHY = "a bad deploy"


def route(store: Backend) -> str:
    store.enqueue([firing()])
    return "/queue?queue=shop&route=default"


def routes(store: Backend) -> str:
    store.enqueue([firing()])
    return "/queues"


def paused_queue(store: Backend) -> str:
    store.enqueue([firing()])
    store.pause(QUEUE)
    return "/queues"


def schedule(store: Backend) -> str:
    declare(store)
    return "/schedule?queue=shop&name=tick"


def schedules(store: Backend) -> str:
    declare(store)
    return "/schedules"


def paused_schedule(store: Backend) -> str:
    declare(store)
    Control(store, "ann").pause_schedule(QUEUE, "tick")
    return "/schedules"


def finished(store: Backend) -> str:
    store.enqueue([firing()])
    (held,) = claim(store)
    store.settle([Outcome(id=held.id, token=held.token, verdict=Verdict.COMPLETE)])
    return f"/jobs/{held.id}"


def later(store: Backend) -> str:
    waits = firing(delay=900.0)
    store.enqueue([waits])
    return f"/jobs/{waits.id}"


def worker(store: Backend) -> str:
    return f"/workers/{add_worker(store)}"


def quiet_pool(store: Backend) -> str:
    return f"/pools/{add_pool(store, state='quiet').id}"


def quiet_pools(store: Backend) -> str:
    add_pool(store, state="quiet")
    add_pool(store, state="quiet")
    return "/workers"


@pytest.mark.parametrize(
    ("page", "text", "verb"),
    [
        (route, "Pause", "pause"),
        (routes, "Pause", "pause"),
        (paused_queue, "Resume", "resume"),
        (schedule, "Pause", "pause_schedule"),
        (schedule, "Run now", "run_schedule"),
        (schedules, "Pause", "pause_schedule"),
        (schedules, "Run now", "run_schedule"),
        (paused_schedule, "Resume", "resume_schedule"),
        (finished, "Requeue", "requeue"),
        (later, "Run now", "run_now"),
        (worker, "Quiet", "quiet"),
        (worker, "Restart", "restart"),
        (quiet_pool, "Resume", "resume"),
        (quiet_pools, "Resume", "resume"),
    ],
)
def test_a_button_that_acts_at_once_sends_the_reason(
    client: FlaskClient, store: Backend, page: Callable[[Backend], str], text: str, verb: str
) -> None:
    press(client, page(store), text, WHY)

    (newest, *_) = store.audit().entries
    assert (newest.verb, newest.why) == (verb, WHY)


def test_every_button_belongs_to_a_form_of_its_page_that_enter_does_not_send(
    client: FlaskClient, store: Backend, known: Operations, hold: Hold
) -> None:
    shown = fill(store)
    hold(1).begun(known)
    found = Counter[str]()
    for _, address in PAGES.values():
        text = client.get(address(shown)).text
        forms = dict(FORM.findall(text))
        for button in BUTTON.finditer(text):
            form = button[1]
            found[form] += 1
            # Enter presses the first button of a form on the page, whether it is inside the form or not.
            assert text.index(f' id="{form}"') < button.start(), (address(shown), button[0])
            assert re.search(r"<button[^>]*>", forms[form])[0] == "<button disabled hidden>"  # type: ignore[index]  # there is one

    assert found["why-stop"] == len(("/jobs", "/errors", "/operations"))
    assert found.total() > 10


def test_a_whole_queue_is_not_paused_before_it_was_asked_back(client: FlaskClient, store: Backend) -> None:
    store.enqueue([firing(), firing(route="mail"), firing(route="news")])
    store.pause(QUEUE, "news")
    claim(store)

    (link,) = re.findall(
        r'href="(/confirm/pause[^"]+)" aria-label="Pause queue shop"', client.get("/queues").text
    )
    asked = client.get(html.unescape(link)).text

    assert "<strong>3 routes</strong> are touched; 1 of them is paused already" in asked
    assert "What runs now (1) goes on" in asked
    assert ">Pause 3 routes</button>" in asked
    assert 'name="why"' in asked
    assert [info.paused for info in store.routes() if info.route != "news"] == [False, False]


def test_a_pause_of_a_queue_that_has_no_route_says_so(client: FlaskClient) -> None:
    assert "There is nothing to pause" in client.get("/confirm/pause?queue=nowhere").text


@pytest.mark.parametrize("page", ["/workers", "/pools/"])
@pytest.mark.parametrize("verb", ["quiet", "restart"])
def test_a_whole_pool_is_told_after_it_was_asked_back(
    client: FlaskClient, store: Backend, verb: str, page: str
) -> None:
    pool = add_pool(store, workers=4)

    text = client.get(f"{page}{pool.id}" if page.endswith("/") else page).text
    links = [html.unescape(each) for each in re.findall(r'href="(/confirm/pool[^"]+)"', text)]
    (link,) = [each for each in links if ("verb", verb) in parse_qsl(urlsplit(each).query)]
    asked = client.get(link).text

    assert f">{verb.capitalize()} 4 workers</button>" in asked
    assert 'name="why"' in asked


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/routes/pause", {"queue": QUEUE, "route": "default"}),
        ("/routes/pause", {"queue": QUEUE}),
        ("/routes/resume", {"queue": QUEUE}),
        ("/schedules/run", {"queue": QUEUE, "name": "tick"}),
        ("/schedules/pause", {"queue": QUEUE, "name": "tick"}),
        ("/schedules/resume", {"queue": QUEUE, "name": "tick"}),
        ("/workers/{worker}/quiet", {}),
        ("/workers/{worker}/resume", {}),
        ("/workers/{worker}/restart", {}),
        ("/pools/{pool}/quiet", {}),
        ("/pools/{pool}/resume", {}),
        ("/pools/{pool}/restart", {}),
        ("/jobs/requeue", {"ids": ["{failed}"]}),
        ("/jobs/run", {"ids": ["{failed}"]}),
    ],
)
def test_the_api_keeps_the_reason_of_each_action(
    client: FlaskClient, store: Backend, path: str, body: dict[str, object]
) -> None:
    shown = fill(store)._asdict()
    ids = body.get("ids")
    named = {"ids": [str(each).format(**shown) for each in ids]} if isinstance(ids, list) else {}

    answer = client.post(f"/api/v1{path.format(**shown)}", json={**body, **named, "why": WHY})

    assert answer.status_code in (200, 202), answer.text
    assert store.audit(1).entries[0].why == WHY

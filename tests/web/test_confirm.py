"""What a person is asked before firings are changed: which, and what will become of them."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

from flask.testing import FlaskClient

from skunkqueue.persistence import Backend
from tests.web.crews import add_pool, add_worker
from tests.web.everything import PAGES, fill
from tests.web.firings import QUEUE, firing
from tests.web.test_firing_actions import fail, put


def test_the_question_names_some_of_those_ticked(client: FlaskClient, store: Backend) -> None:
    ids = put(store, 7, job="shop:send")

    text = client.get("/confirm", query_string={"verb": "kill", "id": ids}).text

    assert text.count("send</a>") == 5
    assert "and 2 more" in text


def test_the_question_names_none_that_is_not_touched(client: FlaskClient, store: Backend) -> None:
    (meant,), (other,) = put(store), fail(store, 1)

    text = client.get("/confirm", query_string={"verb": "kill", "id": [meant, other]}).text

    assert f'<code class="soft">{meant}</code>' in text
    assert f'<code class="soft">{other}</code>' not in text


def test_a_question_about_one_is_about_it_and_not_about_them(client: FlaskClient, store: Backend) -> None:
    text = client.get("/confirm", query_string={"verb": "requeue", "id": fail(store, 1)}).text

    assert "Requeue 1 firing?" in text
    assert "It goes back in line" in text


def test_only_these_buttons_act_at_once(client: FlaskClient, store: Backend) -> None:
    shown = fill(store)
    quiet = add_worker(store, state="quiet")
    add_pool(store, state="quiet")
    (later,) = store.enqueue([firing(delay=3_600.0)])
    store.pause(QUEUE, "nobody")
    acting = "queues.", "firing.", "workers.", "schedules."
    pages = [address(shown) for endpoint, address in PAGES.values() if endpoint.startswith(acting)]

    texts = [client.get(url).text for url in (*pages, f"/jobs/{later}", f"/workers/{quiet}")]

    urls = [
        urlsplit(unescape(url)) for text in texts for url in re.findall(r'formaction="(/do/[^"]+)"', text)
    ]
    assert {(url.path, *parse_qs(url.query).get("verb", ())) for url in urls} == {
        ("/do/firings/requeue",),
        ("/do/firings/run_now",),
        ("/do/route", "pause"),
        ("/do/route", "resume"),
        ("/do/worker", "quiet"),
        ("/do/worker", "resume"),
        ("/do/worker", "restart"),
        ("/do/pool", "resume"),
        ("/do/schedule", "run"),
        ("/do/schedule", "pause"),
    }
    assert not any(re.search(r'<form method="post" action="/do/', text) for text in texts)

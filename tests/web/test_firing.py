"""The page of one firing."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient

from skunkqueue.contract.makers import outcome
from skunkqueue.payload import Body, Failure, Progress, Step, encode
from skunkqueue.persistence import Backend
from skunkqueue.plugins import hookimpl
from skunkqueue.plugins.notify import Notifier
from skunkqueue.records import ClaimRef, Outcome, Verdict
from skunkqueue.serializers.typed import TypedSerializer
from skunkqueue.web import links, redaction
from skunkqueue.web.redaction import Redactor
from tests.web.crews import add_worker
from tests.web.firings import claim, firing

Put = Callable[..., str]
TRACEBACK = """Traceback (most recent call last):
  File "/usr/lib/python3.11/asyncio/base.py", line 12, in run
    return self.go()
  File "/srv/shop/mails.py", line 7, in send
    connect()
  File "/srv/venv/lib/python3.11/site-packages/skunkqueue/job.py", line 144, in call
  File "/srv/venv/lib/python3.11/site-packages/skunkqueue/cli/demo_shop.py", line 50, in charge
OSError: no route
"""


@pytest.fixture
def put(store: Backend) -> Put:
    """Put in a firing that calls ``shop:send`` with these arguments."""

    def put(*args: object, **kwargs: object) -> str:
        step = Step(job="shop:send", args=TypedSerializer().dumps_call(args, kwargs, None))
        made = firing(body=encode(Body(steps=(step,))), job="shop:send")
        store.enqueue([made])
        return made.id

    return put


def settle(store: Backend, verdict: Verdict, **fields: object) -> None:
    (claimed,) = claim(store)
    fields = {"began": claimed.due, "took": 1.5, **fields}
    assert store.settle([Outcome(id=claimed.id, token=claimed.token, verdict=verdict, **fields)]) == []  # type: ignore[arg-type]  # a test names them


def test_a_call_is_shown_with_its_arguments(client: FlaskClient, put: Put) -> None:
    text = client.get(f"/jobs/{put('Jed', times=3)}").text

    assert "shop:send" in text
    assert "send(&#39;Jed&#39;, times=3)" in text
    assert "<dt>times</dt>" in text


def test_an_argument_that_looks_like_a_script_is_shown_as_text(client: FlaskClient, put: Put) -> None:
    text = client.get(f"/jobs/{put('</code><script>alert(1)</script>')}").text

    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_bytes_are_shown_in_hexadecimal(client: FlaskClient, put: Put) -> None:
    text = client.get(f"/jobs/{put(bytes(range(4)))}").text

    assert "4 bytes" in text
    assert "0001 0203" in text


def test_a_large_value_is_cut_and_shown_whole_when_asked_for(client: FlaskClient, put: Put) -> None:
    id_ = put("x" * 50_000 + "end")

    assert "end&#39;" not in client.get(f"/jobs/{id_}").text
    assert "characters more" in client.get(f"/jobs/{id_}").text
    assert "end&#39;" in client.get(f"/jobs/{id_}?whole=1").text


def test_a_result_is_shown(client: FlaskClient, store: Backend, put: Put) -> None:
    id_ = put()
    settle(store, Verdict.COMPLETE, result=TypedSerializer().dumps({"mails": 42}, "result"))

    text = client.get(f"/jobs/{id_}").text

    assert "{&#39;mails&#39;: 42}" in text
    assert "state-complete" in text


def test_the_users_own_lines_of_a_traceback_are_set_off(
    client: FlaskClient, store: Backend, put: Put
) -> None:
    id_ = put()
    settle(store, Verdict.ERROR, result=encode(Failure("OSError", "no route", TRACEBACK)))

    text = client.get(f"/jobs/{id_}").text

    assert '<span class="line line-own">  File &#34;/srv/shop/mails.py&#34;, line 7, in send</span>' in text
    assert '<span class="line line-foreign">  File &#34;/usr/lib/python3.11/asyncio/base.py' in text
    assert '<span class="line line-text">OSError: no route</span>' in text
    assert re.search(r'line-foreign">  File [^<]*/skunkqueue/job.py', text)
    assert re.search(r'line-own">  File [^<]*/cli/demo_shop.py', text)


def test_progress_is_shown_with_its_rate(client: FlaskClient, store: Backend, put: Put) -> None:
    id_ = put()
    (claimed,) = claim(store)
    began = store.get([id_])[0]
    assert began is not None
    assert began.began is not None
    store.progress(
        ClaimRef(id=claimed.id, token=claimed.token),
        encode(Progress(done=30, total=120, note="sorting", at=began.began + 10)),
    )

    text = client.get(f"/jobs/{id_}").text

    assert '<progress max="100" value="25" aria-label="Progress">25%</progress>' in text
    assert "3/s" in text
    assert "about 30.0 s left" in text
    assert "sorting" in text


def test_no_rate_is_told_of_a_job_that_has_just_begun(client: FlaskClient, store: Backend, put: Put) -> None:
    id_ = put()
    (claimed,) = claim(store)
    (began,) = store.get([id_])
    assert began is not None
    assert began.began is not None
    store.progress(
        ClaimRef(id=claimed.id, token=claimed.token),
        encode(Progress(done=1, total=120, note="sorting", at=began.began + 0.2)),
    )

    text = client.get(f"/jobs/{id_}").text

    assert "sorting" in text
    assert "/s<" not in text
    assert "left<" not in text.partition("<dl")[0]


@pytest.mark.parametrize(
    ("done", "total"),
    [
        (1e308, 1.0),
        (1e308, 5e-324),
        (5e-324, 1e308),
        (-1.0, 3.0),
        (1.0, -3.0),
        (math.nan, 1.0),
        (math.inf, math.nan),
    ],
)
def test_no_progress_is_too_odd_to_be_shown(
    client: FlaskClient, store: Backend, put: Put, done: float, total: float
) -> None:
    id_ = put()
    (claimed,) = claim(store, worker="w")
    add_worker(store, id="w", running=(id_,))
    told = encode(Progress(done=done, total=total, note="", at=claimed.claimed + 10))
    store.progress(ClaimRef(id=claimed.id, token=claimed.token), told)

    for page in (f"/jobs/{id_}", "/jobs", "/workers/w", f"/api/v1/jobs/{id_}", "/api/v1/jobs"):
        assert client.get(page).status_code == 200


def test_a_firing_that_nobody_can_read_is_shown_as_damaged(client: FlaskClient, store: Backend) -> None:
    made = firing(body=b"\xff\xff")
    store.enqueue([made])

    answer = client.get(f"/jobs/{made.id}")

    assert answer.status_code == 200
    assert "cannot be read" in answer.text


def test_the_start_of_an_id_leads_to_its_firing(client: FlaskClient, put: Put) -> None:
    id_ = put()

    answer = client.get(f"/jobs/{id_[:20]}")

    assert answer.status_code == 302
    assert answer.location == f"/jobs/{id_}"


def test_an_unknown_id_is_told_so(client: FlaskClient) -> None:
    answer = client.get("/jobs/01a2220e3fab41ca5b915fdb")

    assert answer.status_code == 404
    assert "does not know" in answer.text


class Hides:
    """Hides passwords."""

    @hookimpl
    def skunkqueue_redact(self, where: str) -> str | None:
        return "(a secret)" if where == "kwargs.pin" else None


class Blanks:
    """Hides errors, and says nothing in their place."""

    @hookimpl
    def skunkqueue_redact(self, where: str) -> str | None:
        return "" if where == "error" else None


class Fails:
    @hookimpl
    def skunkqueue_redact(self, where: str) -> str | None:
        raise ValueError(where)


class Leads:
    @hookimpl
    def skunkqueue_links(self) -> list[tuple[str, str]]:
        return [("Trace", "https://traces.example/1"), ("Bad", "javascript:alert(1)")]


def having(app: Flask, plugin: object) -> None:
    """Have the monitor ask one plugin."""
    notifier = Notifier()
    assert notifier.add(plugin, "ours")
    app.extensions[redaction.KEY] = Redactor(notifier)
    app.extensions[links.KEY] = links.Links(notifier)


def test_a_plugin_hides_a_value(app: Flask, client: FlaskClient, put: Put) -> None:
    having(app, Hides())

    text = client.get(f"/jobs/{put('Jed', pin='hunter2')}").text

    assert "(a secret)" in text
    assert "hunter2" not in text
    assert "Jed" in text


def test_an_error_that_a_plugin_hides_without_a_word_is_hidden_everywhere(
    app: Flask, client: FlaskClient, store: Backend, put: Put
) -> None:
    having(app, Blanks())
    id_ = put()
    failure = encode(Failure("ValueError", "hunter2", "Traceback\nValueError: hunter2"))
    settle(store, Verdict.ERROR, result=failure, error="ValueError: hunter2")

    pages = (f"/jobs/{id_}", "/jobs", "/errors", f"/api/v1/jobs/{id_}", "/api/v1/jobs", "/api/v1/errors")
    shown = [path for path in (*pages, f"/api/v1/results?id={id_}") if "hunter2" in client.get(path).text]

    assert shown == []


def test_a_plugin_that_fails_shows_nothing(app: Flask, client: FlaskClient, put: Put) -> None:
    having(app, Fails())

    text = client.get(f"/jobs/{put('Jed', pin='hunter2')}").text

    assert "hunter2" not in text
    assert "Jed" not in text
    assert "the plugin ours failed" in text


def test_a_plugin_adds_links_and_only_to_pages(app: Flask, client: FlaskClient, put: Put) -> None:
    having(app, Leads())

    text = client.get(f"/jobs/{put()}").text

    assert 'href="https://traces.example/1"' in text
    assert "javascript:" not in text


def test_a_result_of_none_and_no_result_are_told_apart(client: FlaskClient, store: Backend, put: Put) -> None:
    kept, dropped = put(), put()
    settle(store, Verdict.COMPLETE, result=TypedSerializer().dumps(None, "result"))
    settle(store, Verdict.COMPLETE, result=None)

    assert '<code class="value" id="result-value">None</code>' in client.get(f"/jobs/{kept}").text
    assert "not kept" in client.get(f"/jobs/{dropped}").text


def test_a_failed_firing_leads_to_its_route_and_to_those_that_failed_alike(
    client: FlaskClient, store: Backend
) -> None:
    failure = encode(Failure("shop.NoBank", "closed", "Traceback"))
    store.enqueue([firing(job="shop:charge", route="a & b") for _ in range(2)])
    claims = claim(store, "a & b", limit=2)
    end = {"result": failure, "error": "shop.NoBank: closed"}
    store.settle([outcome(one, Verdict.ERROR, began=one.claimed, **end) for one in claims])
    page = client.get(f"/jobs/{claims[0].id}").text
    (route,) = re.findall(r'<dt>Route</dt><dd><a href="([^"]+)"', page)
    (alike,) = re.findall(r'href="([^"]+)" id="alike"', page)

    assert "<h1>a &amp; b" in client.get(unescape(route)).text
    assert all(one.id in client.get(unescape(alike)).text for one in claims)

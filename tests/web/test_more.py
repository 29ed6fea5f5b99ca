"""Pages that plugins bring, and the list of plugins."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from skunkqueue.clock import monotonic
from skunkqueue.listings import Query
from skunkqueue.persistence import Backend
from skunkqueue.plugins import COMMANDS, PAGES, calls
from skunkqueue.plugins.registry import PluginInfo
from skunkqueue.web import create_app, installed
from skunkqueue.web.pages import more
from skunkqueue.web.pages.more import Extra
from skunkqueue.web.rights import Login, Right
from tests.core.plugins.distributions import install
from tests.support.waiting import PATIENCE
from tests.web.firings import firing


class Waiting:
    title = "All that waits"
    template = "{% for row in rows %}<p>{{ row.job }}</p>{% endfor %}"

    def read(self, store: Backend, arguments: Mapping[str, str]) -> Mapping[str, object]:
        return {"rows": store.rows(Query(queue=arguments.get("queue"))).rows}


class Failing(Waiting):
    title = "Failing"

    def read(self, store: Backend, arguments: Mapping[str, str]) -> Mapping[str, object]:
        raise ValueError(arguments["page"] + store.location()[:0])


@pytest.fixture
def bring(app: Flask) -> None:
    app.extensions[more.KEY].pages = {
        "waiting": Extra("waiting", Waiting(), Right.VIEW),
        "failing": Extra("failing", Failing(), Right.VIEW),
    }


@pytest.mark.usefixtures("bring")
def test_a_plugins_page_is_shown_in_our_frame_and_escaped(client: FlaskClient, store: Backend) -> None:
    store.enqueue([firing(job="<b>bold</b>")])

    text = client.get("/more?page=waiting&queue=shop").text

    assert "<h1>All that waits</h1>" in text
    assert "&lt;b&gt;bold&lt;/b&gt;" in text
    assert re.search(r'aria-current="page">(?:<svg.*</svg>)?All that waits</a>', text)


@pytest.mark.usefixtures("bring")
def test_a_plugins_page_that_fails_says_so_and_harms_no_other(client: FlaskClient) -> None:
    answer = client.get("/more?page=failing")

    assert answer.status_code == 500
    assert "ValueError: failing" in answer.text
    assert client.get("/queues").status_code == 200


def test_a_page_that_nobody_brings_does_not_exist(client: FlaskClient) -> None:
    assert client.get("/more?page=nothing").status_code == 404


def test_broken_plugins_are_listed_first(app: Flask, client: FlaskClient) -> None:
    def plugin(name: str, problem: str | None = None) -> PluginInfo:
        return PluginInfo(
            group=COMMANDS, name=name, value="m:x", distribution="ours", version="1", problem=problem
        )

    app.extensions[installed.KEY] = lambda: [plugin("a"), plugin("b"), plugin("c", "it is gone"), plugin("d")]

    text = client.get("/plugins").text

    assert re.findall(r"<strong>(\w)</strong>", text) == ["c", "a", "b", "d"]


def test_plugins_are_listed_with_where_they_come_from(client: FlaskClient) -> None:
    text = client.get("/plugins").text

    assert "skunkqueue.persistence.sqlite:SQLiteBackend" in text
    assert "skunkqueue-web" in text


# --- a distribution that is installed -----------------------------------------------------------------

_MODULE = """
    import itertools
    import threading

    over = threading.Event()

    class Slow:
        title = "Slow jobs"
        right = "act"
        template = "<p>{{ who }} {% if may('ACT') %}acts on {{ login().name }}{% endif %}</p>"

        def read(self, store, arguments):
            return {"who": f"<i>{arguments.get('who', 'nobody')}</i>"}

    class Hanging(Slow):
        title = "Hanging"
        right = "view"

        def read(self, store, arguments):
            over.wait()

    class Endless(Hanging):
        title = "Endless"
        template = "{% for one in all %}{% endfor %}"

        def read(self, store, arguments):
            return {"all": itertools.takewhile(lambda _: not over.wait(0.01), itertools.count())}

    class Raising(Hanging):
        title = "Raising"

        def read(self, store, arguments):
            raise SystemExit("<b>enough</b>")

    class Odd:
        title = "Odd"
        template = "x"
"""
NAMES = ("slow", "hanging", "endless", "raising", "odd")


@pytest.fixture
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    entries = {name: f"web_pages:{name.capitalize()}" for name in NAMES}
    install(tmp_path / "site", "web-pages", PAGES, entries, web_pages=_MODULE)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.delitem(sys.modules, "web_pages", raising=False)
    yield
    if "web_pages" in sys.modules:
        # What hangs is on a thread of this process.
        sys.modules["web_pages"].over.set()


def may(url: str, right: Right) -> FlaskClient:
    """Return a browser of somebody with this right."""
    app = create_app(url, authorize=lambda _: Login(name="ann", right=right, by="site"))
    return app.test_client()


@pytest.mark.usefixtures("_installed")
def test_a_page_of_a_distribution_is_in_the_header_and_shown(client: FlaskClient) -> None:
    link = '<a href="/more?page=slow"'

    text = client.get("/more?page=slow&who=jed").text

    assert link in client.get("/queues").text
    assert "<p>&lt;i&gt;jed&lt;/i&gt; acts on web@127.0.0.1</p>" in text


@pytest.mark.usefixtures("_installed", "store")
def test_a_page_of_a_distribution_needs_the_right_that_it_names(url: str) -> None:
    views, acts = may(url, Right.VIEW), may(url, Right.ACT)

    assert views.get("/more?page=slow").status_code == 403
    assert "Slow jobs" not in views.get("/queues").text
    assert acts.get("/more?page=slow").status_code == 200
    assert "Slow jobs" in acts.get("/queues").text


@pytest.mark.usefixtures("_installed", "store")
def test_who_is_not_logged_in_sees_no_page_of_a_distribution(url: str) -> None:
    nobody = create_app(url, authorize=lambda _: None).test_client()

    for name in NAMES:
        answer = nobody.get(f"/more?page={name}")
        assert answer.status_code == 401
        assert "Slow" not in answer.text


@pytest.mark.usefixtures("_installed")
@pytest.mark.parametrize("name", ["hanging", "endless"])
def test_a_page_that_hangs_is_answered_in_time_and_not_called_again(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    began = monotonic()
    with monkeypatch.context() as patched:
        patched.setattr(calls, "LIMIT", 0.2)
        first = client.get(f"/more?page={name}")
    second = client.get(f"/more?page={name}")

    assert (first.status_code, second.status_code) == (500, 500)
    assert "it did not return within 0.2 s" in first.text
    assert "is not called now" in second.text
    assert monotonic() - began < PATIENCE
    assert client.get("/more?page=slow").status_code == 200


@pytest.mark.usefixtures("_installed")
def test_a_page_that_ends_the_process_is_shown_as_broken(client: FlaskClient) -> None:
    answer = client.get("/more?page=raising")

    assert answer.status_code == 500
    assert "The plugin that brings this page failed" in answer.text
    assert "&lt;b&gt;enough&lt;/b&gt;" in answer.text


@pytest.mark.usefixtures("_installed")
def test_what_is_not_a_page_is_left_out_and_listed_as_broken(client: FlaskClient) -> None:
    assert client.get("/more?page=odd").status_code == 404
    assert ">Odd<" not in client.get("/queues").text
    (row,) = re.findall(r"<strong>odd</strong>.*?</tr>", client.get("/plugins").text, re.DOTALL)
    assert "broken" in row
    assert "lacks read()" in row

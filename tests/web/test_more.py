"""Pages that plugins bring, and the list of plugins."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from flask import Flask
from flask.testing import FlaskClient

from skunkqueue.listings import Query
from skunkqueue.persistence import Backend
from skunkqueue.plugins import COMMANDS
from skunkqueue.plugins.registry import PluginInfo
from skunkqueue.web import installed
from skunkqueue.web.pages import more
from skunkqueue.web.pages.more import Extra
from skunkqueue.web.rights import Right
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

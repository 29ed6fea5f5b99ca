"""What the security policy of pages refuses in a browser, whoever wrote it into a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from flask import Flask
from playwright.sync_api import Browser, expect

from skunkqueue.persistence import Backend
from skunkqueue.web import create_app
from skunkqueue.web.live.events import KEY
from skunkqueue.web.pages import more
from skunkqueue.web.pages.more import Extra
from skunkqueue.web.rights import Right
from tests.support.chromium import opened
from tests.support.waiting import eventually
from tests.web.firings import firing

REFUSED = "Content Security Policy"
COLOUR = "rgb(1, 2, 3)"


class Inline:
    title = "Inline"
    template = f"""<script>document.title = "run"</script><p id="text" style="color: {COLOUR}">{{{{ count }}}}</p>
        <style>#text {{ color: {COLOUR} }}</style><button type="button" onclick="document.title = 'run'">Press</button>"""

    def read(self, store: Backend, arguments: Mapping[str, str]) -> Mapping[str, object]:
        del arguments
        return {"count": sum(sum(info.counts.values()) for info in store.routes())}


@pytest.fixture
def app(url: str, store: Backend) -> Iterator[Flask]:
    store.enqueue([firing()])
    app = create_app(url, refresh_seconds=0.2)
    app.extensions[more.KEY].pages = {"inline": Extra("inline", Inline(), Right.VIEW)}
    yield app
    app.extensions[KEY].close()


def test_scripts_and_styles_in_the_page_of_a_plugin_have_no_effect(
    browser: Browser, address: str, store: Backend
) -> None:
    said: list[str] = []
    with opened(browser, base_url=address, complaints_about=(REFUSED,)) as page:
        page.on("console", lambda message: said.append(message.text))
        page.goto("/more?page=inline")
        page.get_by_role("button", name="Press").click()
        # A script, a style, a sheet and a handler.
        eventually(lambda: page.title() and sum(REFUSED in text for text in said) >= 4)
        store.enqueue([firing()])
        expect(page.locator("#text")).to_have_text("2")

        assert page.title().startswith("Inline")
        assert page.locator("#text").evaluate("(one) => getComputedStyle(one).color") != COLOUR

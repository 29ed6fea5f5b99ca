"""The programs in docs/web.md do what the page says."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from skunkqueue.persistence import Backend
from skunkqueue.records import Outcome, Verdict
from tests.core.plugins.distributions import install
from tests.docs.pages import ROOT, blocks
from tests.web.firings import claim, firing

PAGE = ROOT / "docs" / "web.md"


def program(word: str, language: str = "python") -> str:
    """Return the one program of the page that has this word."""
    (found,) = (block.code for block in blocks(PAGE, language) if word in block.code)
    return found


@pytest.mark.usefixtures("store")
def test_the_monitor_in_a_site_asks_the_site_who_somebody_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made: dict[str, Any] = {}
    exec(program("authorize"), made)  # noqa: S102 - our own
    site: Flask = made["site"]
    browser = site.test_client()

    ann = browser.get("/jobs/queues", base_url="http://example.org", headers={"X-Site-User": "ann"})

    assert ann.status_code == 200
    assert ">ann<" in ann.text
    assert 'href="/jobs/workers"' in ann.text
    assert browser.get("/jobs/queues", base_url="http://example.org").status_code == 401
    assert browser.get("/queues").status_code == 404


def test_the_page_of_slow_jobs_lists_them(
    client: FlaskClient, store: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = re.search(
        r'entry-points\."([\w.]+)"\]\n(\w+) = "(\w+):(\w+)"', program("entry-points", "toml")
    )
    assert declared is not None
    group, entry, module, name = declared.groups()
    site = tmp_path / "site"
    install(site, "acme-pages", group, {entry: f"{module}:{name}"}, **{module: program(f"class {name}")})
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.delitem(sys.modules, module, raising=False)
    store.enqueue([firing(job="shop:quick"), firing(job="shop:slow")])
    quick, slow = claim(store, limit=2)
    store.settle(
        [
            Outcome(id=held.id, token=held.token, verdict=Verdict.COMPLETE, began=held.claimed, took=took)
            for held, took in ((quick, 0.5), (slow, 95.0))
        ]
    )

    page = client.get(f"/more?page={entry}")

    assert page.status_code == 200
    assert "<h1>Slow jobs" in page.text
    found = re.findall(r'<li><a href="/jobs/(\w+)">([\w:]+)</a> ran for (.*?)</li>', page.text)
    assert found == [(slow.id, "shop:slow", "1 m 35 s"), (quick.id, "shop:quick", "500 ms")]

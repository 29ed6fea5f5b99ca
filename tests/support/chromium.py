"""A real browser for tests of pages: Debian's chromium, driven by Playwright; without windows, where that is installed.

What the page's console says, and what its security policy refuses, fails the test.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

PATIENCE_MS = 30_000
PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser")
"""Where to look. The first draws the same pages in half the time, as it has no windows."""
_WORDS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]


def program() -> str:
    """Find chromium; where there is none, end the test with the way to get it."""
    named = os.environ.get("CHROMIUM")
    found = named or next(filter(None, map(shutil.which, PROGRAMS)), None)
    if found is None:
        message = f"NOT TESTED: no chromium here: apt-get install {PROGRAMS[0]}, or set CHROMIUM to its path"
        raise (pytest.fail if os.environ.get("CI") else pytest.skip).Exception(message)
    return found


@contextmanager
def launched() -> Iterator[Browser]:
    """Run a browser."""
    path = program()
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_WORDS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(browser: Browser, *, complaints_about: tuple[str, ...] = (), **options: object) -> Iterator[Page]:
    """Open a page in a context of its own; ``complaints_about``: texts in console errors that are expected."""
    said: list[str] = []
    context = browser.new_context(**options)  # type: ignore[arg-type]  # Playwright's own options, passed through
    context.set_default_timeout(PATIENCE_MS)
    try:
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        yield page
    finally:
        context.close()
    complaints = [text for text in said if not any(word in text for word in complaints_about)]
    assert not complaints, complaints

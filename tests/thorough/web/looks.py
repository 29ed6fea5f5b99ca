"""Look at pages in a browser as somebody who does not see, has a phone, or a wall of screens."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it has no types
from playwright.sync_api import Browser, Page

from tests.support.chromium import opened
from tests.web.everything import PAGES, Shown

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
COLOURS = ["color-contrast", "link-in-text-block"]
PHONE = 360
WIDTHS = (PHONE, 768, 1_024, 2_560, 1_280)

CUT = """[...document.querySelectorAll(".table:not(.values)")]
    .filter((table) => table.scrollWidth > table.clientWidth + 1)
    .map((table) => `${table.ariaLabel} by ${table.scrollWidth - table.clientWidth}`)"""


def complaints(browser: Browser, address: str, shown: Shown, names: Iterable[str]) -> list[str]:
    """Visit pages in both themes and several widths, and list what is wrong with them."""
    found: list[str] = []
    with opened(browser, base_url=address, color_scheme="light") as page:
        for name in names:
            page.emulate_media(color_scheme="light")
            page.goto(PAGES[name][1](shown))
            found += [f"{name} in the light: {each}" for each in findings(page, RULES)]
            page.emulate_media(color_scheme="dark")
            found += [f"{name} in the dark: {each}" for each in findings(page, COLOURS)]
            page.set_viewport_size({"width": PHONE, "height": 900})
            found += [f"{name} on a phone in the dark: {each}" for each in findings(page, COLOURS)]
            page.emulate_media(color_scheme="light")
            found += [f"{name} on a phone in the light: {each}" for each in findings(page, COLOURS)]
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 900})
                over = page.evaluate(
                    "document.documentElement.scrollWidth - document.documentElement.clientWidth"
                )
                if over > 0:
                    found.append(f"{name} at {width} pixels scrolls sideways by {over}")
                cut = page.evaluate(CUT)
                found += [f"{name} at {width} pixels cuts the table {table!r} off" for table in cut]
    return found


def findings(page: Page, rules: list[str]) -> list[str]:
    """Have axe look at a page. A link in a text that only its colour marks is one, even where axe cannot tell the contrast."""
    options: dict[str, Any] = {"runOnly": rules, "resultTypes": ["violations", "incomplete"]}
    told = Axe().run(page, options=options).response
    found = told["violations"] + [each for each in told["incomplete"] if each["id"] == "link-in-text-block"]
    return [f"{each['id']}: {node['html'][:200]}" for each in found for node in each["nodes"]]

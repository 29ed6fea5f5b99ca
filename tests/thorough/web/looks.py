"""Look at pages in a browser as somebody who does not see, has no mouse, has a phone, or a wall of screens."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it has no types
from playwright.sync_api import Page

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
COLOURS = ["color-contrast", "link-in-text-block"]
PHONE = 360
WIDTHS = (PHONE, 768, 1_024, 2_560, 1_280)
ERRORS = ("responded with a status of 4", "responded with a status of 5")
"""What the console says of a page that is an error."""

CUT = """[...document.querySelectorAll(".table:not(.values)")]
    .filter((table) => table.scrollWidth > table.clientWidth + 1)
    .map((table) => `${table.ariaLabel} by ${table.scrollWidth - table.clientWidth}`)"""
SHORTEN = """document.querySelectorAll("details:not([open]) tbody tr:nth-child(n+4)").forEach((row) => row.remove())"""
"""Of hundreds of hidden rows that are alike, three are enough: axe looks at each, and takes its time."""
MARK = """() => {
    const wanted = "a[href], button:enabled, input:not([type=hidden]):enabled, select:enabled, summary, [tabindex='0']";
    const found = [...document.querySelectorAll(wanted)].filter((one) => one.checkVisibility());
    found.forEach((one, number) => one.setAttribute("data-walked", number));
    return found.map((one) => one.outerHTML.slice(0, 160));
}"""
FOCUSED = """() => {
    const one = document.activeElement;
    if (one === document.body) return null;
    const style = getComputedStyle(one), box = one.getClientRects()[0];
    const middle = (from, to, most) => (Math.max(from, 0) + Math.min(to, most)) / 2;
    const there = document.elementFromPoint(middle(box.left, box.right, innerWidth), middle(box.top, box.bottom, innerHeight));
    return {
        number: one.getAttribute("data-walked"),
        html: one.outerHTML.slice(0, 160),
        marked: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0,
        seen: there !== null && (one.contains(there) || there.contains(one) && there !== document.documentElement),
    };
}"""


def complaints(page: Page, path: str) -> list[str]:
    """Visit a page in both themes and several widths, and list what is wrong with it."""
    page.emulate_media(color_scheme="light")
    page.goto(path)
    page.evaluate(SHORTEN)
    return complaints_as_it_is(page)


def complaints_as_it_is(page: Page) -> list[str]:
    """Look at a page in both themes and several widths, with all that is open on it, and list what is wrong."""
    found: list[str] = []
    page.emulate_media(color_scheme="light")
    found += [f"in the light: {each}" for each in findings(page, RULES)]
    page.emulate_media(color_scheme="dark")
    found += [f"in the dark: {each}" for each in findings(page, COLOURS)]
    page.set_viewport_size({"width": PHONE, "height": 900})
    found += [f"on a phone in the dark: {each}" for each in findings(page, COLOURS)]
    page.emulate_media(color_scheme="light")
    found += [f"on a phone in the light: {each}" for each in findings(page, COLOURS)]
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if over > 0:
            found.append(f"at {width} pixels it scrolls sideways by {over}")
        found += [f"at {width} pixels it cuts the table {table!r} off" for table in page.evaluate(CUT)]
    return found


def walked(page: Page, path: str) -> list[str]:
    """Walk through a page by Tab, and list what is not reached, is not seen while it has the focus, or lets nobody out."""
    page.goto(path)
    # What a live page fetches would take the marks away.
    page.evaluate("document.getElementById('live-state')?.click()")
    wanted = page.evaluate(MARK)
    found: list[str] = []
    reached: set[int] = set()
    # A field that has the focus from the beginning is not the first one.
    while page.evaluate(FOCUSED) is not None:
        page.keyboard.press("Shift+Tab")
    for _ in range(len(wanted) + 5):
        page.keyboard.press("Tab")
        at = page.evaluate(FOCUSED)
        if at is None:
            break
        if at["number"] is not None:
            reached.add(int(at["number"]))
        if not at["marked"]:
            found.append(f"the focus is not marked: {at['html']}")
        if not at["seen"]:
            found.append(f"the focus is out of sight: {at['html']}")
    else:
        found.append("nobody gets out")
    return found + [f"not reached: {html}" for number, html in enumerate(wanted) if number not in reached]


def findings(page: Page, rules: list[str]) -> list[str]:
    """Have axe look at a page. A link in a text that only its colour marks is one, even where axe cannot tell the contrast."""
    options: dict[str, Any] = {"runOnly": rules, "resultTypes": ["violations", "incomplete"]}
    told = Axe().run(page, options=options).response
    found = told["violations"] + [each for each in told["incomplete"] if each["id"] == "link-in-text-block"]
    return [f"{each['id']}: {node['html'][:200]}" for each in found for node in each["nodes"]]

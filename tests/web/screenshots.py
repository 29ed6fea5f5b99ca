"""Draw the pictures of README and docs/web.md from a live demo: ``nox -s screenshots``.

``python -m tests.web.screenshots [FOLDER] [--all]``: into ``docs/pictures`` where no folder is named; ``--all`` draws every
page in both themes at three widths, to be looked at.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urljoin

from playwright.sync_api import Browser, Page

from tests.support.chromium import launched
from tests.support.waiting import pause
from tests.web.pictured import ERRORS, PAGES, SHOTS, Shot

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
PATIENCE = 60.0
SETTLE = 90.0
"""Seconds that the demo runs before the first picture, so that charts show something."""
COLOURS = 256
WIDTHS = (360, 1280, 2560)
THEMES = ("light", "dark")


@contextmanager
def demo() -> Iterator[str]:
    """Run ``skunq demo --web``; give its address."""
    with subprocess.Popen(
        [sys.executable, "-m", "skunkqueue.cli", "demo", "--web", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            found = re.search(r"http://\S+\d", said)
            assert found, said
            yield found[0]
        finally:
            # Not an interrupt, which whatever a shell starts in the background ignores.
            process.terminate()
            process.wait(PATIENCE)


def go(page: Page, base: str, path: str, *, may_fail: bool = False) -> bool:
    """Go to a page, over links where the path has arrows; False: there is no such page or link (yet)."""
    first, *links = path.split(" > ")
    answer = page.goto(base + first)
    if answer is None or not (answer.ok or may_fail):
        return False
    for link in links:
        found = page.locator(f"main a[href*='{link}']")
        form = page.locator(f"main form[action*='{link.partition('?')[0]}']")
        if found.count():
            page.goto(urljoin(page.url, found.first.get_attribute("href") or ""))
        elif "?" in link and form.count():
            form.last.locator("button").click()
        else:
            return False
    page.wait_for_load_state("load")
    return True


@contextmanager
def opened(browser: Browser, width: int, height: int, theme: str) -> Iterator[Page]:
    """Open a page of this size."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if theme == "dark" else "light",
        reduced_motion="reduce",
    )
    try:
        yield context.new_page()
    finally:
        context.close()


def compress(path: Path) -> None:
    """Make a picture small: pages have few colours."""
    from PIL import Image  # noqa: PLC0415 - only where pictures for README and docs are drawn is it installed

    with Image.open(path) as picture:
        # What keeps colours that few pixels have, such as those of states.
        few = picture.convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(path, optimize=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw; end with 1 where a page is not there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--address", help="Of a demo that runs already.")
    parser.add_argument("--only", help="Pages whose names have this in them.", default="")
    given = parser.parse_args(arguments)
    given.folder.mkdir(parents=True, exist_ok=True)
    if given.address:
        missing = draw(given.address, given.folder, everything=given.all, only=given.only)
    else:
        with demo() as address:
            with launched() as browser, opened(browser, 1280, 800, "light") as page:
                # What needs attention is looked for in the background, from the first visit on.
                go(page, address, "/")
                pause(SETTLE)
            missing = draw(address, given.folder, everything=given.all, only=given.only)
    if missing:
        sys.exit(f"not drawn, since their pages were not there: {', '.join(missing)}")


def draw(address: str, folder: Path, *, everything: bool, only: str) -> list[str]:
    """Draw all pictures; return the names of those whose pages are not there."""
    missing: list[str] = []
    shots: list[Shot] = list(SHOTS)
    if everything:
        shots = [
            Shot(f"{name}-{theme}-{width}", path, theme, width, 900)
            for name, path in PAGES.items()
            for theme in THEMES
            for width in WIDTHS
        ]
    with launched() as browser:
        for shot in shots:
            if only not in shot.name:
                continue
            began = time.monotonic()
            with opened(browser, shot.width, shot.height, shot.theme) as page:
                # What is shown may have to happen first.
                until = began + (0.0 if everything else PATIENCE)
                may_fail = shot.path in (PAGES[name] for name in ERRORS)
                while (
                    not (found := go(page, address, shot.path, may_fail=may_fail))
                    and time.monotonic() < until
                ):
                    pause(1.0)
                if not found:
                    missing.append(shot.name)
                    continue
                path = folder / f"{shot.name}.png"
                page.screenshot(path=path, full_page=everything)
                if not everything:
                    compress(path)
                print(f"{path}: {path.stat().st_size / 1000:.0f} kB, {time.monotonic() - began:.1f} s")
    return missing


if __name__ == "__main__":
    main()

"""The pictures of the monitor that pages show are those that ``nox -s screenshots`` draws."""

from __future__ import annotations

import re

from tests.docs.pages import PAGES, ROOT
from tests.web.pictured import SHOTS

PICTURE = re.compile(r"!\[[^\]]*\]\([^)]*\bpictures/([\w-]+)\.png\)")


def test_all_pictures_of_the_monitor_that_pages_show_are_drawn_and_no_others() -> None:
    shown = {name for page in PAGES for name in PICTURE.findall(page.read_text(encoding="utf-8"))}

    assert shown == {shot.name for shot in SHOTS}


def test_no_picture_of_the_monitor_is_left_over() -> None:
    there = {path.stem for path in (ROOT / "docs" / "pictures").glob("*.png")}

    assert there == {shot.name for shot in SHOTS}

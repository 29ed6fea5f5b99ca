"""The colours of the monitor: readable in both themes, by the numbers of WCAG 2.2."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import skunkqueue.web.app

STATIC = Path(skunkqueue.web.app.__file__).with_name("static")
TEXT = 4.5
"""The contrast that text needs (AA)."""
SHAPE = 3.0
"""The contrast that lines and marks need which mean something."""
GROUNDS = ("bg", "panel", "raised", "hover")
STATES = ("good", "bad", "warn", "info", "idle", "plum")
PAIRS = [
    *((front, ground, TEXT) for front in ("text", "soft", "accent") for ground in GROUNDS),
    *((state, ground, TEXT) for state in STATES for ground in ("bg", "panel", "hover", f"{state}-tint")),
    ("on-accent", "accent-fill", TEXT),
    ("on-accent", "accent", TEXT),
    *((mark, ground, SHAPE) for mark in ("edge", "focus") for ground in GROUNDS),
]


def colours(theme: int) -> dict[str, str]:
    found = re.findall(
        r"--([a-z-]+): light-dark\(#([0-9a-f]{6}), #([0-9a-f]{6})\)", (STATIC / "style.css").read_text()
    )
    return {name: (light, dark)[theme] for name, light, dark in found}


def luminance(colour: str) -> float:
    parts = [int(colour[start : start + 2], 16) / 255 for start in (0, 2, 4)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("front", "ground", "least"), PAIRS)
def test_a_colour_stands_out_from_what_is_behind_it(
    front: str, ground: str, least: float, theme: int
) -> None:
    known = colours(theme)

    assert contrast(known[front], known[ground]) >= least


@pytest.mark.parametrize("sheet", sorted(path.name for path in STATIC.glob("*.css")))
def test_no_other_colour_is_written_than_those_that_are_checked(sheet: str) -> None:
    rules = (STATIC / sheet).read_text()
    if sheet == "style.css":
        rules = rules[rules.index("}") :]

    found = re.findall(r"(?<![\w-])color: (?!var\(|inherit|transparent|currentColor)[^;]+", rules)

    assert not found

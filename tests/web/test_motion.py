"""Nothing on the monitor's pages moves or flashes, except for readers whose system asks for no less motion."""

from __future__ import annotations

import re

import pytest

from tests.web.test_colours import STATIC

CALM = re.compile(r"@media[^{]*prefers-reduced-motion[^{]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}")
"""What a sheet says for readers who want less motion, or for all others."""
MOTION = re.compile(
    r"\b(?:animation|transition|scroll-behavior|view-timeline)[a-z-]*\s*:|@keyframes|\.animate\("
)


@pytest.mark.parametrize("name", sorted(path.name for path in STATIC.iterdir()))
def test_no_style_and_no_script_moves_anything_unasked(name: str) -> None:
    text = (STATIC / name).read_text()

    assert MOTION.findall(CALM.sub("", text)) == []


def test_readers_who_want_less_motion_get_none_from_the_styles_of_others_either() -> None:
    (found,) = CALM.findall((STATIC / "style.css").read_text())

    assert "transition: none !important" in found
    assert "animation: none !important" in found

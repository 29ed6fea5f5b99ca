"""Links within the repository lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, SRC

LINK = re.compile(r"\]\(([^)\s]+)\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_leads_there(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    targets = [link.partition("#")[0] for link in LINK.findall(text) if "://" not in link]

    missing = [target for target in targets if target and not (page.parent / target).exists()]

    assert missing == []


def anchors(page: Path) -> set[str]:
    """Make the anchors that Markdown renderers give a page's headings."""
    found = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in found}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_anchor_is_a_heading(page: Path) -> None:
    links = [
        link for link in LINK.findall(page.read_text(encoding="utf-8")) if "#" in link and "://" not in link
    ]
    missing = []
    for link in links:
        target, _, anchor = link.partition("#")
        there = (page.parent / target) if target else page
        if there.suffix == ".md" and anchor not in anchors(there):
            missing.append(link)

    assert missing == []


NAMED = re.compile(r"`((?:tests|benchmarks|examples|skunkqueue)/[\w/.-]*\w(?:\.py|\.md|/))(?:::(\w+))?`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_and_test_that_is_named_is_there(page: Path) -> None:
    missing = []
    for name, test in NAMED.findall(page.read_text(encoding="utf-8")):
        file = (SRC.parent if name.startswith("skunkqueue/") else ROOT) / name
        if not file.exists() or (test and f"def {test}(" not in file.read_text(encoding="utf-8")):
            missing.append(f"{name}::{test}")

    assert missing == []

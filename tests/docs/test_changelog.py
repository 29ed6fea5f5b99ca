"""Changelog fragments are named and begin as changelog.d/README.md says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import ROOT
from tests.packaging.environments import DISTRIBUTIONS, project_name

FRAGMENTS = sorted(path for path in (ROOT / "changelog.d").iterdir() if path.name != "README.md")
NAMES = tuple(project_name(distribution) for distribution in DISTRIBUTIONS)


@pytest.mark.parametrize("fragment", FRAGMENTS, ids=lambda path: path.name)
def test_a_fragment_is_named_by_issue_and_kind(fragment: Path) -> None:
    assert re.fullmatch(r"\d+\.(added|changed|deprecated|removed|fixed)(\.\d+)?\.md", fragment.name)


@pytest.mark.parametrize("fragment", FRAGMENTS, ids=lambda path: path.name)
def test_a_fragment_begins_with_its_distribution(fragment: Path) -> None:
    assert fragment.read_text(encoding="utf-8").startswith(tuple(f"{name}: " for name in NAMES))

"""The page about the architecture names files, classes and functions that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, SRC, read

TEXT = re.sub(r"\s+", " ", read("docs/architecture.md").replace("```text", "```"))
NAMED = sorted(set(re.findall(r"`([\w./-]+\.py|[\w/]+/)(?:::([\w.]+))?`", TEXT)))
STORES = [
    SRC / "persistence/sqlite",
    ROOT / "skunkqueue-redis/src/skunkqueue/persistence/redis",
    ROOT / "skunkqueue-mongo/src/skunkqueue/persistence/mongodb",
    ROOT / "skunkqueue-fdb/src/skunkqueue/persistence/fdb",
]


def places(path: str) -> list[Path]:
    """Return where a path of the page leads: in core, from the root, or in each store."""
    found = [root / path for root in (SRC, ROOT) if (root / path).exists()]
    return found or [store / path for store in STORES]


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_what_is_named_exists(path: str, name: str) -> None:
    for place in places(path):
        assert place.exists(), place
        for part in name.split(".") if name else ():
            defined = rf"\b(class|def) {part}\b|^\s+self\.{part}\b.*="
            assert re.search(defined, place.read_text("utf-8"), re.MULTILINE), f"{path} has no {part}"


def test_every_folder_of_core_is_told() -> None:
    folders = {f"{path.parent.relative_to(SRC)}/" for path in SRC.glob("*/__init__.py")}

    assert folders - {path for path, _ in NAMED} == set()

"""The map of the house in CONTRIBUTING.md has every module, and nothing else."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.docs.pages import SRC, read

ROOM = re.compile(r"^\| `([\w/]+(?:\.py|/))`", re.MULTILINE)


def test_every_module_is_on_the_map_once() -> None:
    modules = {str(path.relative_to(SRC)): path for path in SRC.rglob("*.py") if path.name != "__init__.py"}
    packages = {
        f"{path.parent.relative_to(SRC)}/": path for path in SRC.rglob("__init__.py") if path.parent != SRC
    }
    there = {"__init__.py": SRC / "__init__.py", **modules, **packages}

    rooms = ROOM.findall(read("CONTRIBUTING.md").partition("| Module |")[2])

    missing = [
        f"| `{room}` | floor | {first_line(there[room])} |" for room in sorted(there.keys() - set(rooms))
    ]
    assert not missing, "\n".join(["add to the map in CONTRIBUTING.md:", *missing])
    assert set(rooms) - there.keys() == set(), "these are gone"
    assert len(rooms) == len(set(rooms))


def first_line(module: Path) -> str:
    return (
        (ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or "?").splitlines()[0].rstrip(".")
    )


def test_every_folder_of_the_repository_is_on_the_map() -> None:
    text = read("CONTRIBUTING.md")

    for folder in (
        "skunkqueue-core/",
        "skunkqueue-fdb/",
        "skunkqueue-mongo/",
        "skunkqueue-redis/",
        "skunkqueue-schedulers/",
        "skunkqueue-web/",
        "tests/",
        "docs/",
        "examples/",
        "changelog.d/",
        "noxfile.py",
    ):
        assert f"`{folder}`" in text

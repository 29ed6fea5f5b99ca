"""The map of the house in CONTRIBUTING.md, made from the first line of every module's docstring.

``python -m tests.docs.house_map`` writes it anew. Floors come from the layers in ``pyproject.toml``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.docs.pages import ROOT

PAGE = ROOT / "CONTRIBUTING.md"
BEGIN = "<!-- The tables below are made by `nox -s map`. -->\n"
DISTRIBUTIONS = {
    "skunkqueue-core": "skunkqueue",
    "skunkqueue-fdb": "skunkqueue/persistence/fdb",
    "skunkqueue-mongo": "skunkqueue/persistence/mongodb",
    "skunkqueue-redis": "skunkqueue/persistence/redis",
    "skunkqueue-schedulers": "skunkqueue/scheduler",
    "skunkqueue-web": "skunkqueue/web",
}


def tables() -> str:
    """Return the map: one table for each distribution."""
    return "\n".join(_table(distribution, package) for distribution, package in DISTRIBUTIONS.items())


def write() -> None:
    """Put the map as it is now into CONTRIBUTING.md."""
    before, begin, _ = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    PAGE.write_text(f"{before}{begin}\n{tables()}", encoding="utf-8")


def _table(distribution: str, package: str) -> str:
    folder = ROOT / distribution / "src" / package
    floors = _floors() if distribution == "skunkqueue-core" else {}
    rows = sorted((floors.get(_room(name), 0), name, line) for name, line in _modules(folder))
    if floors:
        head = "| Module | Floor | What it is for |\n| --- | --- | --- |\n"
        lines = [f"| `{name}` | {floor or ''} | {line} |\n" for floor, name, line in rows]
    else:
        head = "| Module | What it is for |\n| --- | --- |\n"
        lines = [f"| `{name}` | {line} |\n" for _, name, line in rows]
    return f"### `{distribution}/src/{package}/`\n\n{head}{''.join(lines)}"


def _modules(folder: Path) -> Iterator[tuple[str, str]]:
    for path in folder.rglob("*.py"):
        name = str(path.relative_to(folder))
        if path.name == "__init__.py" and path.parent != folder:
            name = f"{path.parent.relative_to(folder)}/"
        yield name, first_line(path)


def first_line(module: Path) -> str:
    """Return what a module says of itself, in the Markdown of a table's cell."""
    docstring = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or "?"
    return docstring.splitlines()[0].rstrip(".").replace("``", "`").replace("|", "\\|")


def _room(name: str) -> str:
    return name.partition("/")[0].removesuffix(".py")


def _floors() -> dict[str, int]:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r'^id = "floors"$.*?^layers = (\[.*?^\])', text, re.MULTILINE | re.DOTALL)
    assert found, "pyproject.toml has no layers"
    # A list of strings reads alike in TOML and in Python, whose oldest version here knows no TOML.
    layers = ast.literal_eval(found[1])
    return {
        room.strip(): floor
        for floor, layer in enumerate(reversed(layers), start=1)
        for room in layer.replace("|", ":").split(":")
    }


if __name__ == "__main__":
    write()

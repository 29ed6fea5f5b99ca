"""Distributions made up for a test: a module and the metadata that names it, in a folder to put on the path."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

STRATEGY = """
class X:
    def first(self, params, now): ...
    def after(self, params, state, seen): ...
"""
"""A module with a strategy that is one, though it plans nothing."""


def install(
    folder: Path, name: str, group: str, entries: dict[str, str], *, version: str = "1.0", **modules: str
) -> None:
    """Write modules and a ``dist-info`` with these entry points, as pip leaves them."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = [f"[{group}]", *(f"{entry} = {value}" for entry, value in entries.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    for module, source in modules.items():
        (folder / f"{module}.py").write_text(dedent(source))

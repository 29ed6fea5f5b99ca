"""What a mutant is, and how it comes to be: a copy of the memory backend with one line changed.

Knows no pytest.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "examples" / "memory-backend" / "src" / "skunkqueue_memory"
FAR = Path(__file__).with_name("far.py")


class Mutant(msgspec.Struct, frozen=True):
    """One mistake that an author could make."""

    name: str
    file: str
    """In the package ``skunkqueue_memory``."""
    old: str
    """The line that stands there, without its indentation; exactly one does."""
    new: str
    """What stands in its place."""
    killer: str
    """The test of the kit that must fail."""
    after: str = ""
    """The line before it, where the same line is there more than once."""


class OutdatedMutantError(Exception):
    """The line that a mutant changes is not there, or there more than once."""


def mutated(source: str, mutant: Mutant) -> str:
    """Change the one line; raises OutdatedMutantError where it is not there exactly once."""
    lines = source.splitlines()
    stripped = [line.strip() for line in lines]
    places = [
        at
        for at, line in enumerate(stripped)
        if line == mutant.old and (not mutant.after or stripped[at - 1] == mutant.after)
    ]
    if len(places) != 1:
        msg = f"mutant {mutant.name!r}: the line {mutant.old!r} is {len(places)} times in {mutant.file}, not once"
        raise OutdatedMutantError(msg)
    (at,) = places
    lines[at] = lines[at].replace(mutant.old, mutant.new)
    return "\n".join([*lines, ""])


def copied(folder: Path, mutant: Mutant | None) -> None:
    """Put a copy of the package into a folder, with the line changed; ``None``: as it is."""
    target = folder / PACKAGE.name
    shutil.copytree(PACKAGE, target, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(FAR, target)
    if mutant is not None:
        file = target / mutant.file
        file.write_text(mutated(file.read_text(), mutant))

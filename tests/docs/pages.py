"""Reading the repository's Markdown pages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
SRC = ROOT / "skunkqueue-core" / "src" / "skunkqueue"
PAGES = sorted(
    page
    for page in [*ROOT.glob("*.md"), *ROOT.glob("skunkqueue-*/*.md"), *ROOT.glob("docs/**/*.md")]
    if ".venv" not in page.parts
)
_BLOCK = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A piece of code in a page."""

    page: str
    line: int
    language: str
    code: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def read(name: str) -> str:
    """Read a page by its path in the repository."""
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(page: Path, *languages: str) -> list[Block]:
    """Extract the code blocks of these languages."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(str(page.relative_to(ROOT)), text.count("\n", 0, match.start()) + 2, match[1], match[2])
        for match in _BLOCK.finditer(text)
        if match[1] in languages
    ]


def headings(page: str) -> list[str]:
    """List a page's headings, without marks."""
    found = re.findall(r"^#+ (.+)$", read(page), re.MULTILINE)
    return [heading.replace("`", "").strip() for heading in found]

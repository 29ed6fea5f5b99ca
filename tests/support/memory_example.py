"""The example backend, importable where it is not installed: a store in memory, with all capabilities."""

from __future__ import annotations

import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "memory-backend" / "src"


def make_importable() -> None:
    """Put its folder on the path."""
    if str(EXAMPLE) not in sys.path:
        sys.path.append(str(EXAMPLE))

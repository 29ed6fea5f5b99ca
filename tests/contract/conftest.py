"""Makes the example backend importable where it is not installed."""

from __future__ import annotations

import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "memory-backend" / "src"

if str(EXAMPLE) not in sys.path:
    sys.path.append(str(EXAMPLE))

"""What all answers of the API are."""

from __future__ import annotations

import msgspec


class Base(msgspec.Struct, frozen=True, kw_only=True):
    """Common to all answers."""

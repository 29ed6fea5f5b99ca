"""Any value of a job as JSON. Knows no firing and no store."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from skunkqueue.show import MAX_DEPTH, is_short, shown


def jsonable(value: Any, depth: int = 0) -> Any:
    """Turn any value into what JSON can carry.

    NaN and the infinities, integers of more than ``MAX_BITS`` bits (in hexadecimal) and all other types become
    strings.
    """
    if value is None or isinstance(value, (bool, str)):
        # A string enum becomes its value.
        return value if type(value) in (type(None), bool, str) else getattr(value, "value", value)
    if isinstance(value, int):
        return int(value) if is_short(value) else hex(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    if depth < MAX_DEPTH:
        if isinstance(value, (list, tuple)):
            return [jsonable(item, depth + 1) for item in value]
        if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
            return {str(key): jsonable(item, depth + 1) for key, item in value.items()}
    return shown(value)

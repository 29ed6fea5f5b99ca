"""Times of the store as moments, and back."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import overload

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_LATEST = (datetime.max.replace(tzinfo=timezone.utc) - EPOCH).total_seconds() - 86_400
_EARLIEST = (datetime.min.replace(tzinfo=timezone.utc) - EPOCH).total_seconds() + 86_400


@overload
def moment(at: float) -> datetime: ...
@overload
def moment(at: None) -> None: ...
@overload
def moment(at: float | None) -> datetime | None: ...
def moment(at: float | None) -> datetime | None:
    """Return a store's time as a moment; one after the year 9999 is its end."""
    if at is None:
        return None
    # NaN is not a moment.
    return EPOCH + timedelta(seconds=min(max(at if at == at else 0.0, _EARLIEST), _LATEST))  # noqa: PLR0124 - NaN differs from itself


def seconds(at: datetime) -> float:
    """Return a moment as a store's time."""
    return (at - EPOCH).total_seconds()

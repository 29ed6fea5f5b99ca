"""What words of requests may be, each bounded. The OpenAPI document is made of the same."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from skunkqueue.ids import ID_LENGTH
from skunkqueue.records import State

MOST_IDS = 1_000
MOST_RESULTS = 100
MOST_ROWS = 1_000
MOST_LOOKED = 10_000
LONGEST_WORD = 200
LONGEST_WHY = 500
LONGEST_CURSOR = 2_000

Word = Annotated[str, Meta(min_length=1, max_length=LONGEST_WORD)]
Why = Annotated[str, Meta(max_length=LONGEST_WHY, description="Why; the audit log keeps it.")]
Id = Annotated[str, Meta(min_length=1, max_length=64, description="Id of a firing.")]
WholeId = Annotated[
    str, Meta(min_length=ID_LENGTH, max_length=ID_LENGTH, description="Whole id of a firing.")
]
Ids = Annotated[list[Id], Meta(min_length=1, max_length=MOST_IDS)]
States = Annotated[list[State], Meta(min_length=1)]
FewIds = Annotated[list[Id], Meta(min_length=1, max_length=MOST_RESULTS)]
Cursor = Annotated[
    str, Meta(min_length=1, max_length=LONGEST_CURSOR, description="As `next` or `previous` of another page.")
]
Limit = Annotated[int, Meta(ge=1, le=MOST_ROWS)]
RouteLimit = Annotated[int, Meta(ge=1, le=999)]
Look = Annotated[int, Meta(ge=1, le=MOST_LOOKED)]
Moment = Annotated[datetime, Meta(tz=True, description="RFC 3339, with a time zone.")]

"""Reading firings by id, by the start of an id, and page by page; always bounded."""

from __future__ import annotations

import re
from collections.abc import Sequence

from skunkqueue.ids import ID_LENGTH
from skunkqueue.persistence import rules
from skunkqueue.persistence.backend import MAX_PAGE
from skunkqueue.persistence.redis.keys import place_of
from skunkqueue.persistence.redis.link import Link
from skunkqueue.persistence.redis.records import Found, as_found, record_of
from skunkqueue.persistence.redis.scripts import load
from skunkqueue.persistence.redis.wire import as_ids, reader
from skunkqueue.records import Page, Record, State

_GET, _FIND, _PAGE = map(load, ("get", "find", "page"))
_PREFIX = re.compile(rf"[0-9a-f]{{0,{ID_LENGTH}}}")
_as_page = reader(tuple[list[Found], tuple[float, float | str, str] | None])


def get(link: Link, ids: Sequence[str]) -> list[Record | None]:
    """Read firings by id; ``None`` for those that are unknown."""
    known = [id_ for id_ in ids if id_.isascii()]
    if not known:
        return [None] * len(ids)
    found = as_found(link.call(_GET, known))
    records = {one.stored.id: record_of(one) for one in found if one is not None}
    return [records.get(id_) for id_ in ids]


def find(link: Link, prefix: str, limit: int) -> list[str]:
    """List ids that begin so."""
    prefix = prefix.lower()
    limit = max(0, min(limit, MAX_PAGE))
    if not _PREFIX.fullmatch(prefix) or not limit:
        return []
    return as_ids(link.call(_FIND, prefix, limit))


def page(link: Link, place: tuple[str, str], state: State, limit: int, after: str | None) -> Page:
    """Read the records of one state on a route (``place``), after a cursor."""
    limit = max(1, min(limit, MAX_PAGE))
    shape = (float, float, str) if not state.final else (float, str, str)
    cursor = False if after is None else list(rules.place_in(after, state, shape))
    found, last = _as_page(link.call(_PAGE, place_of(*place), state.value, limit, cursor))
    following = None if last is None else rules.cursor_after(state, last)
    return Page(records=tuple(map(record_of, found)), next=following)

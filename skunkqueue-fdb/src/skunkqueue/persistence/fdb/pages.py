"""Pages of whole firings of one route and state, and ids by how they begin."""

from __future__ import annotations

from itertools import islice

from skunkqueue.ids import ID_LENGTH
from skunkqueue.listings import Query
from skunkqueue.persistence import listing, rules
from skunkqueue.persistence.fdb import keys, packed, reading, routes, searching_finished, searching_unfinished
from skunkqueue.persistence.fdb.records import as_batch
from skunkqueue.persistence.fdb.transactions import Link, Transaction
from skunkqueue.persistence.listing import Position
from skunkqueue.records import Page, Record, State

_AT_ONCE = 100
"""Firings read in one transaction, with their bodies and results."""
_ENTRIES = 50
"""Entries of the directory read at once."""

Order = tuple[float, float, str]
"""Of a listing: claim order while live, newest first when finished."""


def page(link: Link, place: tuple[str, str], state: State, limit: int, after: str | None) -> Page:
    """Read a page."""
    start: Order | None = None if after is None else rules.place_in(after, state, (float, float, str))
    if limit < 1:
        return Page(records=(), next=None)
    orders = link.read(lambda tr: _orders(tr, place, state, start, limit + 1))
    shown = orders[:limit]
    records: list[Record] = []
    for begin in range(0, len(shown), _AT_ONCE):
        ids = [order[2] for order in shown[begin : begin + _AT_ONCE]]
        found = link.read(lambda tr, ids=ids: reading.records(tr, ids))  # type: ignore[misc]
        records += [found[id_] for id_ in ids if id_ in found and found[id_].state is state]
    more = rules.cursor_after(state, shown[-1]) if len(orders) > limit else None
    return Page(records=tuple(records), next=more)


def _orders(
    tr: Transaction, place: tuple[str, str], state: State, start: Order | None, count: int
) -> list[Order]:
    """Find the next firings of a route and state."""
    queue, route = place
    if state.final:
        return _finished(tr, place, state, start, count)
    group = listing.RUNNING if state is State.RUNNING else listing.PENDING
    after = None if start is None else Position(group, *start)
    if state is State.RUNNING:
        found = searching_unfinished.running(tr, queue, route, after, onward=True)
    else:
        found = searching_unfinished.pending(
            tr, routes.known(tr, queue, route), after, onward=True, want=count
        )
    return [(position.first, position.second, position.id) for position, _ in islice(found, count)]


def _finished(
    tr: Transaction, place: tuple[str, str], state: State, start: Order | None, count: int
) -> list[Order]:
    """List newest first, and by id what finished at once; the line through time has that the other way round."""
    query = Query(queue=place[0], route=place[1])
    after = None if start is None else Position(listing.FINISHED, -start[0], 0.0, "\U0010ffff")
    orders: list[Order] = []
    together: list[Order] = []
    for position, _ in searching_finished.positions(tr, query, [place], [state], after, onward=False):
        order = (-position.first, 0.0, position.id)
        if together and together[0][0] != order[0]:
            orders += sorted(together)
            together = []
            if len(orders) >= count:
                return orders[:count]
        if start is None or order > start:
            together.append(order)
    return (orders + sorted(together))[:count]


# --- ids by how they begin --------------------------------------------------------------------------


def find(tr: Transaction, prefix: str, limit: int) -> list[str]:
    """List ids that begin with ``prefix``."""
    if len(prefix) > keys.MAX_ID or limit < 1:
        return []
    found = {*_single(tr, prefix, limit), *_packed(tr, prefix, limit)}
    return sorted(found)[:limit]


def _single(tr: Transaction, prefix: str, limit: int) -> set[str]:
    """Find those that lie alone."""
    table = tr.keys.firing
    begin, end = table + keys.id_(prefix), table + keys.id_(prefix) + keys.END
    found: set[str] = set()
    while len(found) < limit:
        size = min(limit - len(found), 10)
        pairs = tr.get_range(begin, end, size, snapshot=True)()
        # Parts of a large one lie behind its key and a zero byte.
        found.update(pair.key[len(table) :].partition(b"\0")[0].decode() for pair in pairs)
        if len(pairs) < size:
            break
        begin = _past(pairs[-1].key, len(table))
    return found


def _past(key: bytes, start: int) -> bytes:
    return key[:start] + key[start:].partition(b"\0")[0] + b"\0" + keys.END


def _packed(tr: Transaction, prefix: str, limit: int) -> set[str]:
    """Find those that lie in batches."""
    found: set[str] = set()
    for level in packed.LEVELS:
        before = tr.keys.directory + packed.FIRINGS + bytes((level,))
        typed = keys.id_(prefix[:level])
        start = len(before) + level
        # Of the batches of one span, those whose last id comes before all that is looked for are left out.
        begin = before + typed + (keys.id_(prefix) if len(prefix) >= level else b"")
        end = before + typed + keys.END
        own: set[str] = set()
        while len(own) < limit:
            pairs = tr.get_range(begin, end, _ENTRIES, snapshot=True)()
            names = {pair.key[start + ID_LENGTH :] for pair in pairs}
            asked = [tr.snapshot.get(tr.keys.batch + name) for name in names]
            for future in asked:
                value = future.value
                if value is not None:
                    own.update(id_ for id_, _ in as_batch(value).firings if id_.startswith(prefix))
            if len(pairs) < _ENTRIES:
                break
            begin = pairs[-1].key + b"\0"
        found |= own
    return found

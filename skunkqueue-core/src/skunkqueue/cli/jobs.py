"""``skunq jobs``: firings by queue, route and state, a page at a time."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from skunkqueue.cli import exits
from skunkqueue.cli.connection import queue_options, with_backend
from skunkqueue.cli.options import option
from skunkqueue.cli.output import json_option, jsonable, note, say, table
from skunkqueue.cli.text import iso

if TYPE_CHECKING:
    from skunkqueue.persistence.backend import Backend
    from skunkqueue.records import Record

STATES = ("running", "pending", "error", "killed", "expired", "complete")
"""In the order in which people want to see them."""
LISTING_PAGE = 500
"""Firings asked of the store at once."""

Place = tuple[str, str, str]
"""Queue, route and state."""


@click.command()
@queue_options(required=False)
@click.option(
    "--state", "states", multiple=True, type=click.Choice(STATES), help="Only this state; repeatable."
)
@option("--limit", default=50, show_default=True, type=click.IntRange(1, 100_000), help="At most so many.")
@option("--after", metavar="CURSOR", help="Go on where an earlier listing ended.")
@click.option("--all", "everything", is_flag=True, help="List all, whatever --limit says.")
@json_option
@click.pass_context
@with_backend
def jobs(
    store: Backend,
    ctx: click.Context,
    *,
    queue: str | None,
    route: str | None,
    states: tuple[str, ...],
    limit: int,
    after: str | None,
    everything: bool,
    as_json: bool,
) -> None:
    """List firings, a page at a time.

    Running and pending ones come in the order of the line, finished ones newest first.
    """
    places = _places(store, queue, route, states or STATES)
    listing = Listing(store, places, after, None if everything else limit)
    shown = _print_json(listing, store.now()) if as_json else _print_table(listing, store.now())
    if not shown:
        ctx.exit(exits.NOTHING)


class Listing:
    """Firings of several places one after the other, in batches."""

    def __init__(self, store: Backend, places: list[Place], after: str | None, limit: int | None) -> None:
        self._store = store
        self._places = places
        self._limit = limit
        self._position, self._after = (0, None) if after is None else _read_cursor(after, places)
        self.following: str | None = None
        """Where another listing can go on, once this one is read to its end; ``None``: nothing is left."""

    def __iter__(self) -> Iterator[tuple[Record, ...]]:
        from skunkqueue.records import State  # noqa: PLC0415 - help need not wait for it

        left, after = self._limit, self._after
        for position in range(self._position, len(self._places)):
            queue, route, state = self._places[position]
            while True:
                size = LISTING_PAGE if left is None else min(left, LISTING_PAGE)
                page = self._store.page(queue, route, State(state), size, after)
                after = page.next
                if page.records:
                    yield page.records
                if left is not None:
                    left -= len(page.records)
                    if left <= 0:
                        self.following = (
                            _write_cursor(self._places[position], after)
                            if after is not None
                            else _next_filled(self._store, self._places[position + 1 :])
                        )
                        return
                if after is None:
                    break


def _print_table(listing: Listing, now: float) -> int:
    from skunkqueue.cli.views import FIRING_TITLES, firing_row  # noqa: PLC0415 - help need not wait for it

    waiting: list[Record] = []
    shown = 0
    for batch in listing:
        waiting += batch
        # A long listing is printed as it comes, so that memory does not grow with it.
        if len(waiting) >= LISTING_PAGE:
            table(FIRING_TITLES, [firing_row(record, now) for record in waiting], header=not shown)
            shown += len(waiting)
            waiting = []
    if waiting:
        table(FIRING_TITLES, [firing_row(record, now) for record in waiting], header=not shown)
    if listing.following is not None:
        note(f"there is more: add --after {listing.following}, or --all")
    if not shown + len(waiting):
        note("no such firings")
    return shown + len(waiting)


def _print_json(listing: Listing, now: float) -> int:
    """Write one document piece by piece, for the same reason."""
    import json  # noqa: PLC0415 - help need not wait for it

    from skunkqueue.cli.views import firing_json  # noqa: PLC0415 - as above

    shown = 0
    say(f'{{"now": {json.dumps(iso(now))}, "jobs": [')
    for batch in listing:
        for record in batch:
            click.echo((",\n" if shown else "") + json.dumps(jsonable(firing_json(record))), nl=False)
            shown += 1
    say(f'\n], "next": {json.dumps(listing.following)}}}')
    return shown


def _places(store: Backend, queue: str | None, route: str | None, states: tuple[str, ...]) -> list[Place]:
    """List what is to be listed, one state over all routes after the other."""
    routes = [info for info in store.routes(queue) if route is None or info.route == route]
    return [(info.queue, info.route, state) for state in STATES if state in states for info in routes]


def _next_filled(store: Backend, places: list[Place]) -> str | None:
    """Find where a listing would go on, so that a cursor is given only where there is more."""
    from skunkqueue.records import State  # noqa: PLC0415 - help need not wait for it

    for place in places:
        if store.page(place[0], place[1], State(place[2]), 1).records:
            return _write_cursor(place, None)
    return None


def _write_cursor(place: Place, after: str | None) -> str:
    import json  # noqa: PLC0415 - help need not wait for it

    return base64.urlsafe_b64encode(json.dumps([*place, after]).encode()).decode().rstrip("=")


def _read_cursor(text: str, places: list[Place]) -> tuple[int, str | None]:
    import json  # noqa: PLC0415 - help need not wait for it

    try:
        queue, route, state, after = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        position = places.index((queue, route, state))
    except (ValueError, TypeError, binascii.Error, RecursionError) as error:
        msg = f"--after {text!r} is no cursor of this listing: use the one that the same command printed"
        raise click.UsageError(msg) from error
    return position, after

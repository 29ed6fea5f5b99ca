"""``skunq jobs``: firings by queue, route and state, a page at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from skunkqueue.cli import exits
from skunkqueue.cli.connection import queue_options, with_backend
from skunkqueue.cli.options import option
from skunkqueue.cli.output import json_option, note, say, table
from skunkqueue.cli.text import iso

if TYPE_CHECKING:
    from skunkqueue.cli.listing import Listing, Place
    from skunkqueue.persistence.backend import Backend
    from skunkqueue.records import Record

STATES = ("running", "pending", "error", "killed", "expired", "complete")
"""In the order in which people want to see them."""
BLOCK = 500
"""Rows whose columns are made to fit together."""


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

    First the running ones, then the pending ones, both in the order of their line: by priority, then by due
    time. Then the finished ones of all states, newest first. So it is over several routes and queues, too.
    """
    places = _places(store, queue, route, states or STATES)
    listing = _listing(store, places, after, None if everything else limit)
    shown = _print_json(listing, store.now()) if as_json else _print_table(listing, store.now())
    if not shown:
        ctx.exit(exits.NOTHING)


def _print_table(listing: Listing, now: float) -> int:
    from skunkqueue.cli.views import FIRINGS, firing_row  # noqa: PLC0415 - help need not wait for it

    waiting: list[Record] = []
    shown = 0
    for record in listing:
        waiting.append(record)
        # A long listing is printed as it comes, so that memory does not grow with it.
        if len(waiting) >= BLOCK:
            table(FIRINGS, [firing_row(one, now) for one in waiting], header=not shown)
            shown += len(waiting)
            waiting = []
    if waiting:
        table(FIRINGS, [firing_row(one, now) for one in waiting], header=not shown)
    if listing.following is not None:
        note(f"there is more: add --after {listing.following}, or --all")
    if not shown + len(waiting):
        note("no such firings")
    return shown + len(waiting)


def _print_json(listing: Listing, now: float) -> int:
    """Write one document piece by piece, for the same reason."""
    import json  # noqa: PLC0415 - help need not wait for it

    from skunkqueue.cli.values import jsonable  # noqa: PLC0415 - as above
    from skunkqueue.cli.views import firing_json  # noqa: PLC0415 - as above

    shown = 0
    say(f'{{"now": {json.dumps(iso(now))}, "jobs": [')
    for record in listing:
        click.echo((",\n" if shown else "") + json.dumps(jsonable(firing_json(record))), nl=False)
        shown += 1
    say(f'\n], "next": {json.dumps(listing.following)}}}')
    return shown


def _places(
    store: Backend, queue: str | None, route: str | None, states: tuple[str, ...]
) -> dict[Place, int]:
    """Tell what is to be listed, and how many firings are there."""
    from skunkqueue.cli.listing import Place  # noqa: PLC0415 - help need not wait for it
    from skunkqueue.records import State  # noqa: PLC0415 - as above

    routes = [info for info in store.routes(queue) if route is None or info.route == route]
    wanted = [State(state) for state in states]
    return {
        Place(info.queue, info.route, state): info.counts.get(state, 0) for info in routes for state in wanted
    }


def _listing(store: Backend, places: dict[Place, int], after: str | None, limit: int | None) -> Listing:
    from skunkqueue.cli.listing import CursorError, Listing  # noqa: PLC0415 - help need not wait for it

    try:
        return Listing(store, places, after, limit)
    except CursorError as error:
        msg = f"--after {error}: use the one that the same command printed"
        raise click.UsageError(msg) from error

"""``skunq jobs``: firings that match a filter, a page at a time."""

from __future__ import annotations

import itertools
import json
from typing import Any

import click

from skunkqueue.cli import exits
from skunkqueue.cli.connection import with_backend
from skunkqueue.cli.filters import STATES, Filter, filter_of, filter_options
from skunkqueue.cli.options import either, option
from skunkqueue.cli.output import json_option, note, say, table
from skunkqueue.cli.rows import CursorError, Listing
from skunkqueue.cli.text import iso, plural
from skunkqueue.cli.values import jsonable
from skunkqueue.cli.views import FIRINGS, row_cells, row_json
from skunkqueue.listings import Row
from skunkqueue.persistence.backend import Backend

BLOCK = 500
"""Rows whose columns are given widths together."""


@click.command()
@filter_options(STATES)
@either(
    "--newest",
    "order",
    flag_value="newest",
    help="In order of time, backwards: the pending ones (last in line first), the running ones, then the finished ones.",
)
@either(
    "--oldest",
    "order",
    flag_value="oldest",
    help="In order of time: the finished ones, the running ones, then the pending ones as they stand in line.",
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
    order: str | None,
    limit: int,
    after: str | None,
    everything: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """List firings, a page at a time.

    First the running ones, then the pending ones, both in the order of their line: by priority, then by due
    time. Then the finished ones of all states, newest first. So it is over several routes and queues, too.
    """
    wanted = filter_of(given)
    listing = _listing(store, wanted, order or "line", after, None if everything else limit)
    shown = _print_json(listing, store.now()) if as_json else _print_table(listing, store.now())
    _tell_bound(listing, wanted)
    if not shown:
        ctx.exit(exits.NOTHING)


def _print_table(listing: Listing, now: float) -> int:
    waiting: list[Row] = []
    shown = 0
    for row in listing:
        waiting.append(row)
        # A long listing is printed as it comes, so that memory does not grow with it.
        if len(waiting) >= BLOCK:
            table(FIRINGS, [row_cells(one, now) for one in waiting], header=not shown)
            shown += len(waiting)
            waiting = []
    if waiting:
        table(FIRINGS, [row_cells(one, now) for one in waiting], header=not shown)
    shown += len(waiting)
    if listing.following is not None and not listing.is_cut:
        note(f"there is more: add --after {listing.following}, or --all")
    elif not shown and not listing.is_cut:
        note("no such firings")
    return shown


def _print_json(listing: Listing, now: float) -> int:
    """Write one document piece by piece, for the same reason."""
    shown = 0
    rows = iter(listing)
    # Where the first page fails, that is an error and not half a document.
    first = next(rows, None)
    say(f'{{"now": {json.dumps(iso(now))}, "jobs": [')
    for row in () if first is None else itertools.chain((first,), rows):
        click.echo((",\n" if shown else "") + json.dumps(jsonable(row_json(row))), nl=False)
        shown += 1
    looked = f'"looked": {listing.looked}, "read": {listing.read}'
    say(f'\n], {looked}, "next": {json.dumps(listing.following)}}}')
    return shown


def _tell_bound(listing: Listing, wanted: Filter) -> None:
    """Print how far it looked, where that was not to the end."""
    if not listing.is_cut:
        return
    what = f"read the arguments of {plural(listing.read, 'firing')}"
    if wanted.text is None:
        what = f"looked at {plural(listing.looked, 'firing')}"
    note(f"{what}, and not at the rest: to go on, add --after {listing.following}")


def _listing(store: Backend, wanted: Filter, order: str, after: str | None, limit: int | None) -> Listing:
    try:
        return Listing(store, wanted, wanted.states or STATES, order=order, after=after, limit=limit)
    except CursorError as error:
        msg = f"--after {error}: use the one that the same command printed"
        raise click.UsageError(msg) from error

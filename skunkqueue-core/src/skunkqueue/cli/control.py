"""``skunq kill``, ``requeue`` and ``prune``: what is done to single firings, and to the finished ones."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from skunkqueue.cli import exits
from skunkqueue.cli.connection import queue_options, with_backend
from skunkqueue.cli.lookup import firing_id
from skunkqueue.cli.options import option
from skunkqueue.cli.output import note, say
from skunkqueue.cli.text import plural

if TYPE_CHECKING:
    from skunkqueue.persistence.backend import Backend

BATCH = 1_000
"""Firings asked of the store in one step."""

FINISHED = ("error", "killed", "expired", "complete")
_UNITS = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 7 * 86_400.0}


class Duration(click.ParamType[float]):
    """A length of time such as ``7d``, ``12h``, ``1d12h`` or ``90`` (seconds)."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read it as seconds."""
        if isinstance(value, float):
            return value
        text = str(value).strip().lower()
        parts = re.findall(r"(\d+(?:\.\d+)?)([smhdw]?)", text)
        if not parts or "".join(number + unit for number, unit in parts) != text:
            self.fail(f"{value!r} is no length of time: write 7d, 12h, 30m or 45s", param, ctx)
        return sum(float(number) * _UNITS[unit or "s"] for number, unit in parts)


@click.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@click.pass_context
@with_backend
def kill(store: Backend, ctx: click.Context, ids: tuple[str, ...]) -> None:
    """Kill firings.

    Pending ones at once, running ones by interrupting the job.
    """
    known = list(dict.fromkeys(firing_id(store, typed) for typed in ids))
    late = False
    for each, state in store.kill(known).items():
        if state is None or state.final:
            late = True
            note(f"{each} is {'gone' if state is None else state.value} already")
        elif state.value == "running":
            say(f"{each} is running: its worker is told to interrupt it")
        else:
            say(f"{each} is killed")
    if late:
        ctx.exit(exits.NOTHING)


@click.command()
@click.argument("ids", metavar="[ID...]", nargs=-1)
@option(
    "--state",
    type=click.Choice(FINISHED),
    way_out="run the command once for each",
    help="Requeue all of this state; needs -q.",
)
@queue_options(required=False)
@click.pass_context
@with_backend
def requeue(
    store: Backend,
    ctx: click.Context,
    *,
    ids: tuple[str, ...],
    state: str | None,
    queue: str | None,
    route: str | None,
) -> None:
    """Run finished firings again.

    Give their IDs, or all of one state: requeue --state error -q QUEUE.
    """
    if bool(ids) == bool(state):
        ctx.fail("give either IDs, or --state with -q")
    if state and not queue:
        ctx.fail(f"--state {state} needs -q QUEUE: whose firings are meant?")
    if ids and (queue or route):
        ctx.fail("-q and -r go with --state; an ID needs neither")
    if state and queue:
        count = sum(len(store.requeue(batch)) for batch in _finished(store, queue, route, state))
        left: list[str] = []
    else:
        known = list(dict.fromkeys(firing_id(store, typed) for typed in ids))
        done = store.requeue(known)
        count, left = len(done), [each for each in known if each not in done]
    for each in left:
        note(f"{each} is not finished, or its idempotency key is in use by another firing")
    say(f"requeued {plural(count, 'firing')}")
    if left or not count:
        ctx.exit(exits.NOTHING)


@click.command()
@option(
    "--older-than",
    type=Duration(),
    metavar="TIME",
    help="Remove what finished longer ago than this (7d, 12h, 30m), even if it was to be kept longer.",
)
@with_backend
def prune(store: Backend, older_than: float | None) -> None:
    """Remove finished firings whose time is over."""
    count = 0
    while True:
        pruned = store.prune(older_than, BATCH)
        count += pruned
        if pruned < BATCH:
            break
    say(f"pruned {plural(count, 'finished firing')}")


def _finished(store: Backend, queue: str, route: str | None, state: str) -> Iterator[list[str]]:
    """Yield the ids of all firings of a state, a batch at a time; each is seen once."""
    from skunkqueue.records import State  # noqa: PLC0415 - help need not wait for it

    routes = [info.route for info in store.routes(queue) if route is None or info.route == route]
    for each in routes:
        after: str | None = None
        while True:
            # The cursor only goes back in time, so what fails again meanwhile is not met twice.
            page = store.page(queue, each, State(state), BATCH, after)
            if page.records:
                yield [record.id for record in page.records]
            after = page.next
            if after is None:
                break

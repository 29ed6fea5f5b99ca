"""``skunq kill``, ``requeue``, ``delete``, ``run`` and ``prune``: the commands to firings, by id or by filter."""

from __future__ import annotations

from typing import Any

import click

from skunkqueue.cli import bulk, exits
from skunkqueue.cli.acting import with_control
from skunkqueue.cli.bulk import bulk_options, is_bulk
from skunkqueue.cli.filters import filter_of, filter_options
from skunkqueue.cli.lookup import firing_id
from skunkqueue.cli.moments import Duration
from skunkqueue.cli.options import option
from skunkqueue.cli.output import note, say
from skunkqueue.cli.text import plural
from skunkqueue.control import Control
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import State

FINISHED = ("error", "killed", "expired", "complete")


@click.command()
@click.argument("ids", metavar="[ID...]", nargs=-1)
@filter_options(("running", "pending"))
@bulk_options
@click.pass_context
@with_control
def kill(
    control: Control, ctx: click.Context, ids: tuple[str, ...], *, everything: bool, yes: bool, **given: Any
) -> None:
    """Kill firings.

    Pending ones at once, running ones by interrupting the job. Give their IDs, or filters: kill -q shop --job shop:sell.
    """
    wanted = filter_of(given)
    if is_bulk(ctx, ids, wanted, everything=everything):
        bulk.run(control, ctx, "kill", wanted, ("running", "pending"), yes=yes)
        return
    late = False
    for each, state in control.kill(_known(control.backend, ids)).items():
        if state is None or state.final:
            late = True
            note(f"{each} is {_told(state)} already")
        elif state.value == "running":
            say(f"{each} is running: its worker will interrupt it")
        else:
            say(f"{each} is killed")
    if late:
        ctx.exit(exits.NOTHING)


@click.command()
@click.argument("ids", metavar="[ID...]", nargs=-1)
@filter_options(FINISHED)
@bulk_options
@click.pass_context
@with_control
def requeue(
    control: Control, ctx: click.Context, ids: tuple[str, ...], *, everything: bool, yes: bool, **given: Any
) -> None:
    """Run finished firings again.

    Give their IDs, or filters: requeue --state error -q QUEUE. In a script it does not ask where -q is given.
    """
    wanted = filter_of(given)
    if is_bulk(ctx, ids, wanted, everything=everything):
        # Scripts that name a queue were written before the command asked.
        bulk.run(control, ctx, "requeue", wanted, FINISHED, yes=yes, asks=wanted.queue is None)
        return
    known = _known(control.backend, ids)
    done = set(control.requeue(known))
    for each in known:
        if each not in done:
            note(f"{each} is not finished, or its idempotency key is in use by another firing")
    say(f"requeued {plural(len(done), 'firing')}")
    if len(done) < len(known):
        ctx.exit(exits.NOTHING)


@click.command()
@click.argument("ids", metavar="[ID...]", nargs=-1)
@filter_options(("pending", *FINISHED))
@bulk_options
@click.pass_context
@with_control
def delete(
    control: Control, ctx: click.Context, ids: tuple[str, ...], *, everything: bool, yes: bool, **given: Any
) -> None:
    """Delete firings, finished or pending, with their results.

    Give their IDs, or filters: delete --state error --error ValueError --since 2h. A running one stays: kill it first.
    """
    wanted = filter_of(given)
    if is_bulk(ctx, ids, wanted, everything=everything):
        bulk.run(control, ctx, "delete", wanted, ("pending", *FINISHED), yes=yes)
        return
    left = False
    for each, state in control.delete(_known(control.backend, ids)).items():
        if state is not None and state.value != "running":
            say(f"{each} is deleted; it was {state.value}")
            continue
        left = True
        note(f"{each} is gone already" if state is None else f"{each} is running: kill it first")
    if left:
        ctx.exit(exits.NOTHING)


@click.command()
@click.argument("ids", metavar="[ID...]", nargs=-1)
@filter_options(("pending",))
@bulk_options
@click.pass_context
@with_control
def run(
    control: Control, ctx: click.Context, ids: tuple[str, ...], *, everything: bool, yes: bool, **given: Any
) -> None:
    """Make pending firings due now, not when their time comes.

    Give their IDs, or filters: run -q shop --tag urgent. Priority, and a pause of the route, count as before.
    """
    wanted = filter_of(given)
    if is_bulk(ctx, ids, wanted, everything=everything):
        bulk.run(control, ctx, "run_now", wanted, ("pending",), yes=yes)
        return
    left = False
    for each, state in control.run_now(_known(control.backend, ids)).items():
        if state is not None and state.value == "pending":
            say(f"{each} is due now")
            continue
        left = True
        cure = "; to run it again: skunq requeue" if state is not None and state.final else ""
        note(f"{each} is {_told(state)} already{cure}")
    if left:
        ctx.exit(exits.NOTHING)


@click.command()
@option(
    "--older-than",
    type=Duration(),
    metavar="TIME",
    help="Remove what finished longer ago than this (7d, 12h, 30m), even if it was to be kept longer.",
)
@with_control
def prune(control: Control, older_than: float | None) -> None:
    """Remove finished firings whose time is over."""
    say(f"pruned {plural(control.prune(older_than), 'finished firing')}")


def _known(store: Backend, ids: tuple[str, ...]) -> list[str]:
    """Find all ids before the first is changed, so that a mistyped one stops the command."""
    return list(dict.fromkeys(firing_id(store, typed) for typed in ids))


def _told(state: State | None) -> str:
    return "gone" if state is None else state.value

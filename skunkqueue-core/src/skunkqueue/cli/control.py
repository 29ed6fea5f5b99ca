"""``skunq kill``, ``requeue``, ``delete``, ``run`` and ``prune``: the commands to firings, by id or by filter."""

from __future__ import annotations

from typing import Any

import click

from skunkqueue.cli import bulk, exits
from skunkqueue.cli.acting import with_control
from skunkqueue.cli.bulk import bulk_options, is_bulk
from skunkqueue.cli.filters import filter_of, filter_options
from skunkqueue.cli.lookup import firings_called
from skunkqueue.cli.moments import Duration
from skunkqueue.cli.options import option
from skunkqueue.cli.output import document, json_option, note, say
from skunkqueue.cli.text import plural
from skunkqueue.control import Control
from skunkqueue.outcomes import Outcome
from skunkqueue.records import State

FINISHED = ("error", "killed", "expired", "complete")


@click.command()
@click.argument("ids", metavar="[ID...]", nargs=-1)
@filter_options(("running", "pending"))
@bulk_options
@json_option
@click.pass_context
@with_control
def kill(
    control: Control,
    ctx: click.Context,
    ids: tuple[str, ...],
    *,
    everything: bool,
    yes: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Kill firings.

    Pending ones at once, running ones by interrupting the job. Give their IDs, or filters: kill -q shop --job shop:sell.
    """
    wanted = filter_of(given)
    if is_bulk(ctx, ids, wanted, everything=everything):
        bulk.run(control, ctx, "kill", wanted, ("running", "pending"), yes=yes, as_json=as_json)
        return
    found = control.act("kill", list(firings_called(control.backend, ids)))
    for each in () if as_json else found:
        if not each.done:
            note(f"{each.id} is {_told(each.state)} already")
        elif each.state is State.RUNNING:
            say(f"{each.id} is running: its worker will interrupt it")
        else:
            say(f"{each.id} is killed")
    _end(ctx, found, as_json=as_json)


@click.command()
@click.argument("ids", metavar="[ID...]", nargs=-1)
@filter_options(FINISHED)
@bulk_options
@json_option
@click.pass_context
@with_control
def requeue(
    control: Control,
    ctx: click.Context,
    ids: tuple[str, ...],
    *,
    everything: bool,
    yes: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Run finished firings again.

    Give their IDs, or filters: requeue --state error -q QUEUE. In a script it does not ask where -q is given.
    """
    wanted = filter_of(given)
    if is_bulk(ctx, ids, wanted, everything=everything):
        # Scripts that name a queue were written before the command asked.
        bulk.run(
            control, ctx, "requeue", wanted, FINISHED, yes=yes, as_json=as_json, asks=wanted.queue is None
        )
        return
    before = firings_called(control.backend, ids)
    found = control.act("requeue", list(before))
    if not as_json:
        for each in found:
            if not each.done:
                note(f"{each.id} is not finished, or its idempotency key is in use by another firing")
        say(f"requeued {plural(sum(each.done for each in found), 'firing')}")
    _end(
        ctx,
        [each._replace(state=before[each.id] if each.done else each.state) for each in found],
        as_json=as_json,
    )


@click.command()
@click.argument("ids", metavar="[ID...]", nargs=-1)
@filter_options(("pending", *FINISHED))
@bulk_options
@json_option
@click.pass_context
@with_control
def delete(
    control: Control,
    ctx: click.Context,
    ids: tuple[str, ...],
    *,
    everything: bool,
    yes: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Delete firings, finished or pending, with their results.

    Give their IDs, or filters: delete --state error --error ValueError --since 2h. A running one stays: kill it first.
    """
    wanted = filter_of(given)
    if is_bulk(ctx, ids, wanted, everything=everything):
        bulk.run(control, ctx, "delete", wanted, ("pending", *FINISHED), yes=yes, as_json=as_json)
        return
    found = control.act("delete", list(firings_called(control.backend, ids)))
    for each in () if as_json else found:
        if each.done:
            say(f"{each.id} is deleted; it was {_told(each.state)}")
        else:
            why = "is gone already" if each.state is None else "is running: kill it first"
            note(f"{each.id} {why}")
    _end(ctx, found, as_json=as_json)


@click.command()
@click.argument("ids", metavar="[ID...]", nargs=-1)
@filter_options(("pending",))
@bulk_options
@json_option
@click.pass_context
@with_control
def run(
    control: Control,
    ctx: click.Context,
    ids: tuple[str, ...],
    *,
    everything: bool,
    yes: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Make pending firings due now, not when their time comes.

    Give their IDs, or filters: run -q shop --tag urgent. Priority, and a pause of the route, count as before.
    """
    wanted = filter_of(given)
    if is_bulk(ctx, ids, wanted, everything=everything):
        bulk.run(control, ctx, "run_now", wanted, ("pending",), yes=yes, as_json=as_json)
        return
    found = control.act("run_now", list(firings_called(control.backend, ids)))
    for each in () if as_json else found:
        if each.done:
            say(f"{each.id} is due now")
        elif each.state is State.PENDING:
            note(f"{each.id} was due already")
        else:
            cure = "; to run it again: skunq requeue" if each.state is not None and each.state.final else ""
            note(f"{each.id} is {_told(each.state)} already{cure}")
    _end(ctx, found, as_json=as_json)


@click.command()
@option(
    "--older-than",
    type=Duration(),
    metavar="TIME",
    help="Remove what finished longer ago than this (7d, 12h, 30m), even if it was to be kept longer.",
)
@json_option
@with_control
def prune(control: Control, older_than: float | None, *, as_json: bool) -> None:
    """Remove finished firings whose time is over."""
    removed = control.prune(older_than)
    if as_json:
        document({"removed": removed})
    else:
        say(f"pruned {plural(removed, 'finished firing')}")


def _end(ctx: click.Context, found: list[Outcome], *, as_json: bool) -> None:
    """Print the answers as JSON where that is asked for, and set the exit code: not 0 where one was not changed."""
    if as_json:
        answers = [
            {"id": each.id, "before": each.state and each.state.value, "done": each.done} for each in found
        ]
        document({"answers": answers})
    if not all(each.done for each in found):
        ctx.exit(exits.NOTHING)


def _told(state: State | None) -> str:
    return "gone" if state is None else state.value

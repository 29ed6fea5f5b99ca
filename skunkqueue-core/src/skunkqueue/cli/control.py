"""``skunq kill``, ``requeue``, ``delete``, ``run`` and ``prune``: the commands to firings, by id or by filter."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping
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
from skunkqueue.cli.text import plural, span
from skunkqueue.control import Control
from skunkqueue.firing_control import Answer
from skunkqueue.listings import Query
from skunkqueue.records import FINAL_STATES, State

FINISHED = ("error", "killed", "expired", "complete")


def _changing(
    verb: str, states: tuple[str, ...]
) -> Callable[[Callable[[Answer], None]], Callable[..., None]]:
    """Make a command that does a verb to firings, by ids or by filters in these states.

    What it decorates tells people the answer for one firing that was given by its id.
    """

    def decorate(tell: Callable[[Answer], None]) -> Callable[..., None]:
        @click.argument("ids", metavar="[ID...]", nargs=-1)
        @filter_options(states)
        @bulk_options
        @json_option
        @click.pass_context
        @with_control
        @functools.wraps(tell)
        def command(
            control: Control,
            ctx: click.Context,
            ids: tuple[str, ...],
            *,
            everything: bool,
            yes: bool,
            as_json: bool,
            **given: Any,
        ) -> None:
            wanted = filter_of(given)
            if is_bulk(ctx, ids, wanted, everything=everything):
                # Scripts that name a queue to requeue were written before the command asked.
                asks = verb != "requeue" or wanted.queue is None
                bulk.run(control, ctx, verb, wanted, states, yes=yes, as_json=as_json, asks=asks)
                return
            before = firings_called(control.backend, ids)
            found = control.act(verb, list(before))
            if as_json:
                document({"answers": [_json(each, before) for each in found]})
            else:
                for each in found:
                    tell(each)
                if verb == "requeue":
                    say(f"requeued {plural(sum(each.done for each in found), 'firing')}")
            if not all(each.done for each in found):
                ctx.exit(exits.NOTHING)

        return command

    return decorate


@click.command()
@_changing("kill", ("running", "pending"))
def kill(each: Answer) -> None:
    """Kill firings.

    Pending ones at once, running ones by interrupting the job. Give their IDs, or filters: kill -q shop --job shop:sell.
    """
    if not each.done:
        note(f"{each.id} is {_told(each.state)} already")
    elif each.state is State.RUNNING:
        say(f"{each.id} is running: its worker will interrupt it")
    else:
        say(f"{each.id} is killed")


@click.command()
@_changing("requeue", FINISHED)
def requeue(each: Answer) -> None:
    """Run finished firings again.

    Give their IDs, or filters: requeue --state error -q QUEUE. It asks first; in a script, only where no -q is given.
    """
    if not each.done:
        note(f"{each.id} is not finished, or its idempotency key is in use by another firing")


@click.command()
@_changing("delete", ("pending", *FINISHED))
def delete(each: Answer) -> None:
    """Delete firings, finished or pending, with their results.

    Give their IDs, or filters: delete --state error --error ValueError --since 2h. A running one stays: kill it first.
    """
    if each.done:
        say(f"{each.id} is deleted; it was {_told(each.state)}")
    else:
        note(f"{each.id} {'is gone already' if each.state is None else 'is running: kill it first'}")


@click.command()
@_changing("run_now", ("pending",))
def run(each: Answer) -> None:
    """Make pending firings due now, not when their time comes.

    Give their IDs, or filters: run -q shop --tag urgent. Priority, and a pause of the route, count as before.
    """
    if each.done:
        say(f"{each.id} is due now")
    elif each.state is State.PENDING:
        note(f"{each.id} was due already")
    else:
        cure = "; to run it again: skunq requeue" if each.state is not None and each.state.final else ""
        note(f"{each.id} is {_told(each.state)} already{cure}")


@click.command()
@option(
    "--older-than",
    type=Duration(),
    metavar="TIME",
    help="Remove what finished longer ago than this (7d, 12h, 30m), even if it was to be kept longer; asks first.",
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_context
@with_control
def prune(
    control: Control, ctx: click.Context, older_than: float | None, *, yes: bool, as_json: bool
) -> None:
    """Remove finished firings and entries of the audit log whose time is over."""
    if older_than is not None and not yes:
        _ask_about_age(control, ctx, older_than, as_json=as_json)
    removed = control.prune(older_than, lambda count: bulk.show(f"{count:,}"))
    bulk.show("")
    if as_json:
        document({"removed": removed})
    else:
        say(f"pruned {plural(removed, 'finished firing')}")


def _ask_about_age(control: Control, ctx: click.Context, older: float, *, as_json: bool) -> None:
    """Ask whether all that finished so long ago may go; a usage error without a terminal. Does not ask about nothing."""
    told = f"all firings that finished over {span(older)} ago" if older else "all finished firings"
    if "rows" in control.backend.capabilities:
        # Without a time a store can answer from counts that it keeps.
        before = (None, control.backend.now() - older) if older else None
        found = control.backend.count(Query(states=FINAL_STATES, finished=before))
        if found.exact and not found.number:
            return
        told += f" ({'' if found.exact else 'at least '}{found.number:,})"
    if not sys.stdin.isatty():
        ctx.fail(f"this removes {told}: add --yes if you mean it")
    click.confirm(f"Remove {told}?", abort=True, err=as_json)


def _json(answer: Answer, before: Mapping[str, State]) -> dict[str, Any]:
    # What was requeued has no state of its own in the answer.
    state = answer.state or (before[answer.id] if answer.done else None)
    return {"id": answer.id, "before": state and state.value, "done": answer.done}


def _told(state: State | None) -> str:
    return "gone" if state is None else state.value

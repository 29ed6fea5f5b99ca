"""``skunq audit``: who did what to the store, and the outcome."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import click

from skunkqueue.cli import exits
from skunkqueue.cli.columns import Shape
from skunkqueue.cli.connection import with_backend
from skunkqueue.cli.options import option
from skunkqueue.cli.output import document, json_option, note, table
from skunkqueue.cli.text import cut, from_now, iso, span
from skunkqueue.errors import CursorInvalidError
from skunkqueue.persistence.backend import Backend
from skunkqueue.pools import Entry

COMMANDS = frozenset({"quiet", "resume", "stop", "rough", "restart"})
"""Verbs of commands to workers and pools."""
PATIENCE = 15.0
"""Seconds after which a command to a worker or pool that is not listed is taken as never heard, or never done."""
WIDTH = 80
"""Characters of a long cell shown to people; ``--json`` gives all."""
ENTRIES = Shape(
    ("WHEN", "WHO", "VERB", "ON", "DID", "WHY"),
    spare=("WHY", "WHEN", "DID", "WHO"),
    least={"DID": 16, "ON": 16, "WHY": 10, "WHO": 10},
)


@click.command()
@option("--who", metavar="USER@HOST", help="Only what this user did.")
@option(
    "--verb",
    metavar="VERB",
    help="Only this: fire, kill, requeue, delete, purge, prune, pause, stop and so on.",
)
@option("--limit", default=50, show_default=True, type=click.IntRange(1, 1_000), help="At most so many.")
@option("--after", metavar="CURSOR", help="Go on where an earlier list ended.")
@json_option
@click.pass_context
@with_backend
def audit(
    store: Backend,
    ctx: click.Context,
    *,
    who: str | None,
    verb: str | None,
    limit: int,
    after: str | None,
    as_json: bool,
) -> None:
    """Show who did what, newest first."""
    try:
        found = store.audit(limit, after, who=who, verb=verb)
    except CursorInvalidError as error:
        ctx.fail(f"--after {error}")
    now = store.now()
    if as_json:
        entries = [entry_json(entry) for entry in found.entries]
        document({"now": iso(now), "entries": entries, "next": found.next})
    elif found.entries:
        there = listed(store, found.entries)
        table(ENTRIES, [_row(entry, now, there) for entry in found.entries])
        if found.next is not None:
            note(f"there is more: add --after {found.next}")
    else:
        note(_nothing(is_filtered=(who, verb) != (None, None), is_later_page=after is not None))
    if not found.entries:
        ctx.exit(exits.NOTHING)


def _nothing(*, is_filtered: bool, is_later_page: bool) -> str:
    if is_later_page:
        return "no more such entries" if is_filtered else "no older entries"
    return "no such entries" if is_filtered else "nobody has done anything yet"


def entry_json(entry: Entry) -> dict[str, Any]:
    """Return an entry as a dict with stable keys."""
    return {
        "id": entry.id,
        "at": iso(entry.at),
        "who": entry.who,
        "why": entry.why,
        "verb": entry.verb,
        "on": entry.on,
        "did": entry.did,
        "outcome": entry.outcome,
        "heard": iso(entry.heard),
        "done": iso(entry.done),
    }


def is_command(entry: Entry) -> bool:
    """Return whether it is a command to a worker or a pool, which carries it out later; all else is done by whoever asks."""
    return entry.verb in COMMANDS and entry.on.startswith(("worker ", "pool "))


def listed(store: Backend, entries: Iterable[Entry]) -> frozenset[str] | None:
    """Name the workers and pools that may still carry out a command, as entries do; ``None`` where none of the entries waits for it."""
    waiting = [entry for entry in entries if is_command(entry) and entry.done is None and not entry.did]
    if not waiting:
        return None
    now = store.now()
    # The pool of a worker that has just died hears the command all the same.
    recent = frozenset(entry.on for entry in waiting if now - (entry.heard or entry.at) < PATIENCE)
    pools = store.pools() if "pools" in store.capabilities else []
    workers = {worker.id for worker in store.workers()}
    workers.update(process.worker for pool in pools for process in pool.processes)
    return recent | {f"worker {id_}" for id_ in workers} | {f"pool {pool.id}" for pool in pools}


def progress_of(entry: Entry, there: Collection[str] | None = None) -> str:
    """Return the outcome of an order: what it did, and whether it was received and carried out.

    ``there``: workers and pools that are listed, as ``listed`` names them. A command to another is never heard, or never done.
    """
    if entry.done is None and not is_command(entry):
        # Whoever did it was ended, or is still at it.
        return f"{entry.did}, not finished" if entry.did else "not finished"
    if entry.did:
        return entry.did
    if entry.done is not None:
        return f"done after {span(entry.done - entry.at)}"
    is_gone = there is not None and entry.on not in there
    gone = f"the {entry.on.split(' ', 1)[0]} is gone"
    if entry.heard is not None:
        heard = f"heard after {span(entry.heard - entry.at)}"
        return f"{heard}, never done: {gone}" if is_gone else f"{heard}, not done yet"
    return f"never heard: {gone}" if is_gone else "sent, not heard yet"


def _row(entry: Entry, now: float, there: Collection[str] | None) -> tuple[str, ...]:
    return (
        from_now(entry.at, now),
        entry.who,
        entry.verb,
        cut(entry.on, WIDTH),
        cut(progress_of(entry, there), WIDTH),
        cut(entry.why or "", WIDTH),
    )

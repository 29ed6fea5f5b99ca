"""``skunq workers`` and ``skunq stop``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from skunkqueue.cli import exits
from skunkqueue.cli.connection import queue_options, with_backend
from skunkqueue.cli.lookup import worker_called
from skunkqueue.cli.output import document, json_option, note, say, table
from skunkqueue.cli.text import clean, iso

if TYPE_CHECKING:
    from skunkqueue.persistence.backend import Backend


@click.command()
@queue_options(required=False)
@json_option
@click.pass_context
@with_backend
def workers(
    store: Backend, ctx: click.Context, queue: str | None, route: str | None, *, as_json: bool
) -> None:
    """Show live workers, and what they do."""
    from skunkqueue.cli.views import WORKERS, worker_json, worker_row  # noqa: PLC0415 - help need not wait

    now = store.now()
    found = [each for each in store.workers(queue) if route is None or each.route == route]
    if as_json:
        document({"now": iso(now), "workers": [worker_json(worker, now) for worker in found]})
    elif found:
        table(WORKERS, [worker_row(worker, now) for worker in found])
    else:
        note("no workers; start some with `skunq work -q QUEUE -r ROUTE`")
    if not found:
        ctx.exit(exits.NOTHING)


@click.command()
@click.argument("worker", metavar="WORKER...", nargs=-1, required=True)
@click.option("--rough", is_flag=True, help="Interrupt the running job; it ends as killed.")
@with_backend
def stop(store: Backend, worker: tuple[str, ...], *, rough: bool) -> None:
    """Stop workers, gently or roughly.

    Gently: the running job ends first. Roughly: it is interrupted, and ends as killed.

    The start of a worker's ID is enough where no other begins so.
    """
    from skunkqueue.errors import UnknownWorkerError  # noqa: PLC0415 - help need not wait for it
    from skunkqueue.records import Command  # noqa: PLC0415 - as above

    # All are looked up before the first is stopped: a mistyped one stops none.
    found = [worker_called(store, typed) for typed in worker]
    for each in found:
        if not store.send(each.id, Command(verb="rough" if rough else "stop")):
            msg = f"worker {each.id} is gone already"
            raise UnknownWorkerError(msg)
        say(f"told {clean(each.id)} to stop{' roughly' if rough else ''}")

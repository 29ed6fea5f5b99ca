"""``skunq workers``."""

from __future__ import annotations

import click

from skunkqueue.cli import exits
from skunkqueue.cli.connection import queue_options, with_backend
from skunkqueue.cli.output import document, json_option, note, table
from skunkqueue.cli.text import iso
from skunkqueue.cli.views import WORKERS, samples_of, worker_json, worker_row
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
    now = store.now()
    found = store.workers(queue, route)
    # A worker whose job holds the interpreter's lock does not beat; its pool measures it all the same.
    measured = samples_of(store.pools(queue) if "pools" in store.capabilities else ())
    if as_json:
        lines = [worker_json(worker, now, measured.get(worker.id)) for worker in found]
        document({"now": iso(now), "workers": lines})
    elif found:
        table(WORKERS, [worker_row(worker, now, measured.get(worker.id)) for worker in found])
    else:
        note("no workers; start some with `skunq work -q QUEUE -r ROUTE`")
    if not found:
        ctx.exit(exits.NOTHING)

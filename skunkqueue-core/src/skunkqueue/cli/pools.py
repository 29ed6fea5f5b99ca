"""``skunq pools``, and the commands to pools and workers: ``stop``, ``restart``, ``quiet``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from skunkqueue.cli import exits
from skunkqueue.cli.acting import with_control
from skunkqueue.cli.columns import Shape
from skunkqueue.cli.connection import queue_options, with_backend
from skunkqueue.cli.lookup import pool_or_worker_called
from skunkqueue.cli.output import document, json_option, note, say, table
from skunkqueue.cli.receipts import await_receipts, wait_options
from skunkqueue.cli.text import clean, iso, size, span
from skunkqueue.persistence.backend import Backend
from skunkqueue.pools import PoolRecord, Process

if TYPE_CHECKING:
    from skunkqueue.control import Control

POOLS = Shape(
    (
        "ID",
        "QUEUE",
        "ROUTES",
        "STATE",
        ">WORKERS",
        ">MEMORY",
        ">CPU",
        "HOST",
        ">PID",
        "UP",
        "BEAT",
        "VERSION",
    ),
    spare=("VERSION", "UP", ">CPU", "BEAT", ">PID", ">MEMORY", "QUEUE", "HOST", "ROUTES"),
    least={"HOST": 8, "QUEUE": 8, "ROUTES": 12},
)


@click.command()
@queue_options(required=False)
@json_option
@click.pass_context
@with_backend
def pools(store: Backend, ctx: click.Context, queue: str | None, route: str | None, *, as_json: bool) -> None:
    """Show live pools, and how their workers stand."""
    now = store.now()
    found = [pool for pool in store.pools(queue) if route is None or route in pool.routes]
    if as_json:
        document({"now": iso(now), "pools": [pool_json(pool, now) for pool in found]})
    elif found:
        table(POOLS, [_row(pool, now) for pool in found])
    else:
        note("no pools; start one with `skunq work -q QUEUE -r ROUTE`")
    if not found:
        ctx.exit(exits.NOTHING)


@click.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@click.option("--rough", is_flag=True, help="Interrupt the running jobs; they end as killed.")
@wait_options
@click.pass_context
@with_control
def stop(
    control: Control, ctx: click.Context, ids: tuple[str, ...], *, rough: bool, wait: bool, timeout: float
) -> None:
    """Stop workers or whole pools, gently or roughly.

    Gently: the running jobs end first. Roughly: they are interrupted, and end as killed. A pool starts no other
    worker in the place of one that is stopped.

    The start of an ID is enough where no other begins so.
    """
    # All are looked up before the first is stopped: a mistyped one stops none.
    sent = []
    for kind, id_ in [pool_or_worker_called(control.backend, typed) for typed in ids]:
        tell = control.stop_pool if kind == "pool" else control.stop_worker
        sent.append((f"{kind} {id_}", tell(id_, rough=rough)))
        say(f"told {_shown(kind)}{clean(id_)} to stop{' roughly' if rough else ''}")
    if wait and not await_receipts(control, sent, timeout):
        ctx.exit(exits.NOTHING)


@click.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@wait_options
@click.pass_context
@with_control
def restart(
    control: Control, ctx: click.Context, ids: tuple[str, ...], *, wait: bool, timeout: float
) -> None:
    """Replace workers by new ones, such as for new code.

    The running job of each ends first. Of a pool all workers are replaced, one after another.

    The start of a worker's or pool's ID is enough where no other begins so.
    """
    sent = []
    for kind, id_ in [pool_or_worker_called(control.backend, typed) for typed in ids]:
        tell = control.restart_pool if kind == "pool" else control.restart_worker
        sent.append((f"{kind} {id_}", tell(id_)))
        say(f"told {_shown(kind)}{clean(id_)} to {'replace its workers' if kind == 'pool' else 'restart'}")
    if wait and not await_receipts(control, sent, timeout):
        ctx.exit(exits.NOTHING)


@click.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@click.option("--end", is_flag=True, help="End it: begin jobs again.")
@wait_options
@click.pass_context
@with_control
def quiet(
    control: Control, ctx: click.Context, ids: tuple[str, ...], *, end: bool, wait: bool, timeout: float
) -> None:
    """Let workers or whole pools begin nothing more, and stay.

    What runs goes on. --end lets them begin jobs again.

    The start of an ID is enough where no other begins so.
    """
    tell = {
        "pool": control.resume_pool if end else control.quiet_pool,
        "worker": control.resume_worker if end else control.quiet_worker,
    }
    sent = []
    for kind, id_ in [pool_or_worker_called(control.backend, typed) for typed in ids]:
        sent.append((f"{kind} {id_}", tell[kind](id_)))
        say(f"told {_shown(kind)}{clean(id_)} to {'begin jobs again' if end else 'begin nothing more'}")
    if wait and not await_receipts(control, sent, timeout):
        ctx.exit(exits.NOTHING)


def pool_json(pool: PoolRecord, now: float) -> dict[str, Any]:
    """Return a pool as a dict with stable keys."""
    return {
        "id": pool.id,
        "queue": pool.queue,
        "routes": list(pool.routes),
        "state": pool.state,
        "workers": pool.workers,
        "live": len(pool.processes),
        "host": pool.host,
        "pid": pool.pid,
        "version": pool.version,
        "started": iso(pool.started),
        "beat": iso(pool.beat),
        "beat_age": round(max(now - pool.beat, 0.0), 3),
        "processes": [
            {
                "worker": each.worker,
                "pid": each.pid,
                "route": each.route,
                "routes": list(each.routes),
                "state": each.state,
                "started": iso(each.started),
                "cpu_share": _share(each),
                "samples": [{"at": iso(one.at), "rss": one.rss, "cpu": one.cpu} for one in each.samples],
            }
            for each in pool.processes
        ],
    }


def _row(pool: PoolRecord, now: float) -> tuple[str, ...]:
    memory = sum(each.samples[-1].rss for each in pool.processes if each.samples)
    shares = [share for share in map(_share, pool.processes) if share is not None]
    return (
        pool.id,
        pool.queue,
        ", ".join(pool.routes),
        pool.state,
        f"{len(pool.processes)} of {pool.workers}",
        size(memory) if memory else "",
        f"{100 * sum(shares):.0f}%" if shares else "",
        pool.host,
        str(pool.pid),
        span(max(now - pool.started, 0.0)),
        f"{span(max(now - pool.beat, 0.0))} ago",
        pool.version,
    )


def _share(process: Process) -> float | None:
    """Return how much of one CPU a process used between its last two samples; ``None`` before there are two."""
    if len(process.samples) < 2:
        return None
    before, after = process.samples[-2:]
    passed = after.at - before.at
    return round(max(after.cpu - before.cpu, 0.0) / passed, 3) if passed > 0 else None


def _shown(kind: str) -> str:
    return "pool " if kind == "pool" else ""

"""``skunq pools``, and the commands to pools and workers: ``stop``, ``restart``, ``quiet``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

import click

from skunkqueue.cli import exits
from skunkqueue.cli.acting import with_control
from skunkqueue.cli.columns import Shape
from skunkqueue.cli.connection import queue_options, with_backend
from skunkqueue.cli.lookup import pool_or_worker_called
from skunkqueue.cli.options import is_given
from skunkqueue.cli.output import document, json_option, note, say, table
from skunkqueue.cli.receipts import Sent, await_receipts, sent_json, wait_options
from skunkqueue.cli.text import clean, iso, size, span
from skunkqueue.persistence.backend import Backend
from skunkqueue.pools import PoolRecord, Process

if TYPE_CHECKING:
    from typing_extensions import Unpack

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
@json_option
@click.pass_context
@with_control
def stop(
    control: Control, ctx: click.Context, ids: tuple[str, ...], *, rough: bool, **how: Unpack[_How]
) -> None:
    """Stop workers or whole pools, gently or roughly.

    Gently: the running jobs end first. Roughly: they are interrupted, and end as killed. A pool starts no other
    worker in the place of one that is stopped.

    The start of an ID is enough where no other begins so.
    """
    verb = "rough" if rough else "stop"
    words = f"to stop{' roughly' if rough else ''}"
    stop_pool, stop_worker = (
        partial(control.stop_pool, rough=rough),
        partial(control.stop_worker, rough=rough),
    )
    _send(control, ctx, ids, _Order(verb, stop_pool, stop_worker, words, words), **how)


@click.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@wait_options
@json_option
@click.pass_context
@with_control
def restart(control: Control, ctx: click.Context, ids: tuple[str, ...], **how: Unpack[_How]) -> None:
    """Replace workers by new ones, such as for new code.

    The running job of each ends first. Of a pool all workers are replaced, one after another.

    The start of a worker's or pool's ID is enough where no other begins so.
    """
    order = _Order(
        "restart", control.restart_pool, control.restart_worker, "to replace its workers", "to restart"
    )
    _send(control, ctx, ids, order, **how)


@click.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@click.option("--end", is_flag=True, help="End it: begin jobs again.")
@wait_options
@json_option
@click.pass_context
@with_control
def quiet(
    control: Control, ctx: click.Context, ids: tuple[str, ...], *, end: bool, **how: Unpack[_How]
) -> None:
    """Let workers or whole pools begin nothing more, and stay.

    What runs goes on. --end lets them begin jobs again.

    The start of an ID is enough where no other begins so.
    """
    if end:
        words = "to begin jobs again"
        order = _Order("resume", control.resume_pool, control.resume_worker, words, words)
    else:
        words = "to begin nothing more"
        order = _Order("quiet", control.quiet_pool, control.quiet_worker, words, words)
    _send(control, ctx, ids, order, **how)


class _How(TypedDict):
    """What all these commands are given."""

    wait: bool
    timeout: float
    as_json: bool


class _Order(NamedTuple):
    """One command to pools and workers: how to send it, and the words for it."""

    verb: str
    to_pool: Callable[[str], str]
    to_worker: Callable[[str], str]
    pool_words: str
    worker_words: str


def _send(
    control: Control,
    ctx: click.Context,
    ids: tuple[str, ...],
    order: _Order,
    *,
    wait: bool,
    timeout: float,
    as_json: bool,
) -> None:
    """Send a command to each; with ``wait``, the exit code is 0 only if each was carried out."""
    if is_given(ctx, "timeout") and not wait:
        ctx.fail("--timeout says how long --wait waits: add --wait")
    sent = []
    # All are looked up before the first is told: a mistyped one stops none.
    for kind, id_ in [pool_or_worker_called(control.backend, typed) for typed in ids]:
        tell, words = (
            (order.to_pool, order.pool_words) if kind == "pool" else (order.to_worker, order.worker_words)
        )
        sent.append(Sent(kind, id_, order.verb, tell(id_)))
        if not as_json:
            say(f"told {_shown(kind)}{clean(id_)} {words}")
    found = await_receipts(control, sent, timeout, quietly=as_json) if wait else {}
    if as_json:
        document({"sent": [sent_json(one, found.get(one.entry)) for one in sent]})
    if wait and not all(one.entry in found and found[one.entry].outcome == "ok" for one in sent):
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

"""One verb over all firings that a filter matches, for people: count, ask, show progress, stop at Ctrl-C.

``skunkqueue.bulk`` does the work.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import click

from skunkqueue.bulk import Bulk, BulkProgress
from skunkqueue.cli import exits
from skunkqueue.cli.filters import Filter, query_of, split
from skunkqueue.cli.output import note, say
from skunkqueue.cli.searching import with_text
from skunkqueue.cli.text import clean, plural
from skunkqueue.control import DONE, Control
from skunkqueue.listings import Row

F = TypeVar("F", bound=Callable[..., object])
ASKED = {"kill": "Kill", "requeue": "Requeue", "delete": "Delete", "run_now": "Run at once"}
"""Verbs, and the words in which people are asked about them."""


def bulk_options(command: F) -> F:
    """Add ``--all`` and ``--yes`` to a command; it gets ``everything`` and ``yes``."""
    command = click.option("-y", "--yes", is_flag=True, help="Do not ask.")(command)
    return click.option("--all", "everything", is_flag=True, help="All of them, where no filter is given.")(
        command
    )


def is_bulk(ctx: click.Context, ids: Sequence[str], wanted: Filter, *, everything: bool) -> bool:
    """Return whether a filter is given and not ids; a usage error where neither or both are."""
    if ids and (everything or not wanted.is_empty()):
        ctx.fail("give either IDs, or filters such as --state with -q: an ID needs none")
    if not ids and wanted.is_empty() and not everything:
        ctx.fail("give either IDs, or --state with -q, or another filter; --all means all there are")
    return not ids


def run(
    control: Control,
    ctx: click.Context,
    verb: str,
    wanted: Filter,
    states: Sequence[str],
    *,
    yes: bool,
    asks: bool = True,
) -> None:
    """Run the verb on all that match: count, ask, run, and print how many were changed; sets the exit code.

    ``states``: those that the verb changes. Without ``asks`` it asks on a terminal only.
    """
    jobs = _jobs(control, verb, wanted, states)
    counts = [job.count() for job in jobs]
    number = sum(count.number for count in counts)
    exact = all(count.exact for count in counts)
    if not number and exact:
        note("no such firings")
        _say_done(verb, 0)
        ctx.exit(exits.NOTHING)
    told = plural(number, "firing") if exact else f"at least {plural(number, 'firing')}"
    if wanted.text is not None:
        told += f", those of them with {wanted.text!r} in their arguments"
    if not yes and (asks or sys.stdin.isatty()):
        if not sys.stdin.isatty():
            ctx.fail(f"this means {clean(told)}: add --yes if you mean it")
        click.confirm(f"{ASKED[verb]} {clean(told)}?", abort=True)
    done, stopped = _do(jobs, number)
    _say_done(verb, done)
    if stopped:
        note(f"stopped before the end: {done:,} of {told} are done")
        ctx.exit(exits.INTERRUPTED)
    if not done:
        ctx.exit(exits.NOTHING)


def _jobs(control: Control, verb: str, wanted: Filter, states: Sequence[str]) -> list[Bulk]:
    """Make one for all; where times are given, one for finished firings and one for the rest."""
    span, text = wanted.span(control.backend), wanted.text
    meant = [state for state in states if not wanted.states or state in wanted.states]
    parts = [tuple(meant)] if span is None and meant else split(meant)

    def keep(rows: Sequence[Row]) -> Sequence[Row]:
        return rows if text is None else with_text(control.backend, rows, text)

    keeps = "" if text is None else f"text={text}"
    queries = [query_of(wanted, part, span, newest=False) for part in parts]
    return [Bulk(control, verb, query, keep=keep, keeps=keeps) for query in queries]


def _do(jobs: Sequence[Bulk], number: int) -> tuple[int, bool]:
    done = 0
    with _interruptible() as is_stopped:
        for job in jobs:
            before = done

            def tell(progress: BulkProgress, before: int = before) -> None:
                _show(f"{before + progress.done:,} of {number:,}")

            progress = job.run(tell, is_stopped)
            done += progress.done
            if progress.stopped:
                _show("")
                return done, True
    _show("")
    return done, False


def _show(text: str) -> None:
    """Show the progress in place of what was shown before; only on a terminal."""
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[K{text}", err=True, nl=False)


@contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """Let the first Ctrl-C stop it after the present page, and the second at once."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return

    def stop(number: int, frame: object) -> None:
        del number, frame
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, before)


def _say_done(verb: str, count: int) -> None:
    say(f"{DONE[verb]} {plural(count, 'firing')}")

"""One verb over all firings that a filter matches, for people: count, ask, show progress, stop at Ctrl-C or TERM.

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
import msgspec

from skunkqueue.bulk import Bulk, BulkProgress
from skunkqueue.cli import exits
from skunkqueue.cli.filters import Filter, query_of, split
from skunkqueue.cli.output import document, note, say
from skunkqueue.cli.searching import with_text
from skunkqueue.cli.text import clean, plural
from skunkqueue.control import Control
from skunkqueue.firing_control import DONE
from skunkqueue.listings import Count, Row

F = TypeVar("F", bound=Callable[..., object])
ASKED = {"kill": "Kill", "requeue": "Requeue", "delete": "Delete", "run_now": "Run at once"}
"""Verbs, and the words in which people are asked about them."""
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What ends it after the present page."""


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
    if everything and not wanted.is_empty():
        ctx.fail("--all means all there are: leave it out, or leave out the filters")
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
    as_json: bool,
    asks: bool = True,
) -> None:
    """Run the verb on all that match: count, ask, run, and print how many were changed; sets the exit code.

    ``states``: those that the verb changes. Without ``asks`` it asks on a terminal only.
    """
    jobs = _jobs(control, verb, wanted, states)
    counts = [job.count() for job in jobs]
    matched = Count(number=sum(count.number for count in counts), exact=all(count.exact for count in counts))
    number, exact = matched.number, matched.exact
    # A count that was cut off may have passed over all that match.
    if not number and (exact or not any(job.matches_any() for job in jobs)):
        note(_none_that_match(wanted, states))
        _tell(verb, BulkProgress(matched=Count(number=0, exact=True)), as_json=as_json)
        ctx.exit(exits.NOTHING)
    told = plural(number, "firing") if exact else f"at least {plural(max(number, 1), 'firing')}"
    if wanted.text is not None:
        told += f", those of them with {wanted.text!r} in their arguments"
    if not yes and (asks or sys.stdin.isatty()):
        if not sys.stdin.isatty():
            ctx.fail(f"this means {clean(told)}: add --yes if you mean it")
        click.confirm(f"{ASKED[verb]} {clean(told)}?", abort=True, err=as_json)
    progress = _do(jobs, matched)
    if wanted.text is not None:
        # What was counted are those among which the text was looked for.
        matched = Count(number=progress.seen, exact=not progress.stopped)
        progress = msgspec.structs.replace(progress, matched=matched)
    _tell(verb, progress, as_json=as_json)
    if progress.stopped:
        of = "" if progress.is_past else f" of {told}"
        note(f"stopped before the end: {progress.done:,}{of} are done")
        ctx.exit(exits.INTERRUPTED)
    if not progress.done:
        ctx.exit(exits.NOTHING)


def _none_that_match(wanted: Filter, states: Sequence[str]) -> str:
    """Say what there is none of: firings that match may well be there in other states, which the verb does not change."""
    meant = [state for state in states if not wanted.states or state in wanted.states]
    return f"no such firings that are {' or '.join(meant)}" if meant else "no such firings"


def _jobs(control: Control, verb: str, wanted: Filter, states: Sequence[str]) -> list[Bulk]:
    """Make one for all; where times are given, one for finished firings and one for the rest."""
    span, text = wanted.span(control.backend), wanted.text
    meant = [state for state in states if not wanted.states or state in wanted.states]
    parts = [tuple(meant)] if span is None and meant else split(meant)

    queries = [query_of(wanted, part, span, newest=False) for part in parts]
    if text is None:
        return [Bulk(control, verb, query) for query in queries]

    def keep(rows: Sequence[Row]) -> Sequence[Row]:
        return with_text(control.backend, rows, text)

    return [Bulk(control, verb, query, keep=keep, keeps=f"text={text}") for query in queries]


def _do(jobs: Sequence[Bulk], matched: Count) -> BulkProgress:
    """Run one after the other; return the progress of all together."""
    all_ = BulkProgress(matched=matched)
    with _interruptible() as is_stopped:
        for job in jobs:
            before = all_

            def tell(progress: BulkProgress, before: BulkProgress = before) -> None:
                now = _added(before, progress)
                of = f" of {'' if matched.exact else 'at least '}{matched.number:,}"
                show(f"{now.done:,}{'' if now.is_past else of}")

            all_ = _added(before, job.run(tell, is_stopped))
            if all_.stopped:
                break
    show("")
    return all_


def _added(before: BulkProgress, more: BulkProgress) -> BulkProgress:
    return BulkProgress(
        matched=before.matched,
        seen=before.seen + more.seen,
        done=before.done + more.done,
        told=before.told + more.told,
        stopped=more.stopped,
    )


def show(text: str) -> None:
    """Show the progress in place of what was shown before; only on a terminal."""
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[K{text}", err=True, nl=False)


@contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """Let the first Ctrl-C, TERM or HUP stop it after the present page, and the second at once."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return

    def stop(number: int, frame: object) -> None:
        del number, frame
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    # One that is ignored, as HUP is below `nohup`, stays ignored.
    heard = [number for number in STOPPING if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, stop) for number in heard}
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _tell(verb: str, progress: BulkProgress, *, as_json: bool) -> None:
    if as_json:
        document(
            {
                "matched": progress.matched.number,
                "exact": progress.matched.exact,
                "seen": progress.seen,
                "done": progress.done,
                "told": progress.told,
                "stopped": progress.stopped,
            }
        )
        return
    at_once = progress.done - progress.told
    if not progress.told:
        say(f"{DONE[verb]} {plural(progress.done, 'firing')}")
    elif at_once:
        say(f"{DONE[verb]} {plural(at_once, 'firing')}, told {progress.told:,} to end")
    else:
        say(f"told {plural(progress.told, 'firing')} to end")

"""``skunq demo``: a pool, one job of each kind, and their results, in a folder that is removed again.

The user's own store is not touched, and nothing is left behind, even after Ctrl-C.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import click

from skunkqueue.cli import demo_web, exits
from skunkqueue.cli.columns import Shape
from skunkqueue.cli.demo_jobs import ROUTES, Greet, add, count, fetch, flaky
from skunkqueue.cli.demo_processes import ROUGH, DemoError, start, stop, tail
from skunkqueue.cli.options import is_given, option
from skunkqueue.cli.output import cut_mark, note, on_terminal, say, table
from skunkqueue.cli.text import clean, span
from skunkqueue.cli.views import failure_line, progress_line
from skunkqueue.handle import result_of
from skunkqueue.payload import decode_attempt_state
from skunkqueue.processes.signals import not_ignored
from skunkqueue.queue import SkunkQueue
from skunkqueue.records import Record

DEADLINE = 12.0
"""Seconds after which the demo fails."""
TICK = 0.05
DELAY = 2.0
PORT = 5010
POOL = "pool"
TITLES = (">TIME", "KIND", "FIRED", "STATE", "RESULT")
SPARE = (">TIME", "KIND")
LEAST = {"RESULT": 12, "FIRED": 16}


class Shown(NamedTuple):
    """One firing of the demo."""

    kind: str
    wrote: str
    """The call as a user writes it."""
    id: str
    expected: Any


class Sight(NamedTuple):
    """What is shown of a firing; each change is shown."""

    state: str
    remark: str


@click.command()
@click.option("--web", is_flag=True, help="Open the monitor on a busy shop, until Ctrl-C.")
@option("--port", type=click.IntRange(0, 65_535), default=PORT, show_default=True, help="The monitor's port.")
@click.pass_context
def demo(ctx: click.Context, *, web: bool, port: int) -> None:
    """Run a pool and one job of each kind, in a few seconds.

    Uses a folder of its own, which it removes again. With --web it goes on until Ctrl-C, with jobs at random paces,
    failures and schedules, to be seen in a browser. Where the port is taken, it uses another.
    """
    if is_given(ctx, "port") and not web:
        ctx.fail("--port says where --web serves the monitor: add --web")
    folder = Path(tempfile.mkdtemp(prefix="skunq-demo-"))
    with _stopped() as stopped:
        try:
            if web:
                demo_web.run(folder, stopped, port)
            else:
                _run(folder, stopped)
        finally:
            _remove(folder)
    if stopped.is_set():
        note("stopped; nothing is left behind")
        ctx.exit(exits.INTERRUPTED)


def _run(folder: Path, stopped: threading.Event) -> None:
    began = time.monotonic()
    url = f"sqlite:///{folder / 'demo.db'}"
    # Opened first, so that the pool finds its store made.
    with SkunkQueue("demo", conn_url=url) as queue:
        queue.backend.now()
        words = ["work", "-q", "demo", "-r", *ROUTES, "--allow", "skunkqueue"]
        say(f"$ skunq {' '.join(words)}")
        pool = start(folder, POOL, [*words, "--url", url])
        try:
            shown = _fire(queue)
            records = _watch(queue, shown, pool, folder=folder, began=began, stopped=stopped)
        finally:
            code = stop(pool)
    if stopped.is_set():
        return
    _check(shown, records)
    if code != 0:
        msg = f"the pool ended with exit code {code}: {tail(folder, 'pool')}"
        raise DemoError(msg)
    say(f"all {len(shown)} as expected; the pool stopped gently, after {span(time.monotonic() - began)}")


def _fire(queue: SkunkQueue) -> list[Shown]:
    def fired(kind: str, wrote: str, call: Any, expected: Any, delay: float | None = None) -> Shown:
        when = None if delay is None else timedelta(seconds=delay)
        return Shown(kind, wrote, queue.fire_call(call, when).id, expected)

    return [
        fired("decorator", "add.fire(4, 5)", add(4, 5), 9),
        fired("mixin", "queue += Greet()('Jed')", Greet()("Jed"), "hello Jed!"),
        fired(
            "conjoined",
            "queue += Greet()('Ian') & Greet()('Ada')",
            Greet()("Ian") & Greet()("Ada"),
            ["hello Ian!", "hello Ada!"],
        ),
        fired("delayed", f"add.fire_at(timedelta(seconds={DELAY:g}), 20, 22)", add(20, 22), 42, DELAY),
        fired("retried", "flaky.fire(succeeds_at=3)", flaky(succeeds_at=3), "worked at attempt 3"),
        *(
            fired("async", f"fetch.fire({page!r}, 0.8)", fetch(page, 0.8), f"{page}, after 0.8 s")
            for page in ("news", "weather", "sport")
        ),
        fired(
            "progress", "count.fire('mississippi')", count("mississippi"), {"m": 1, "i": 4, "s": 4, "p": 2}
        ),
    ]


def _watch(
    queue: SkunkQueue,
    shown: list[Shown],
    pool: subprocess.Popen[bytes],
    *,
    folder: Path,
    began: float,
    stopped: threading.Event,
) -> dict[str, Record]:
    """Show each change until all are finished."""
    seen: dict[str, tuple[float, Sight]] = {}
    with _board(shown, seen) as update:
        while True:
            found = queue.backend.get([each.id for each in shown])
            records = {record.id: record for record in found if record is not None}
            passed = time.monotonic() - began
            for each in shown:
                sight = _look(records.get(each.id))
                if each.id not in seen or seen[each.id][1] != sight:
                    seen[each.id] = (passed, sight)
                    update(each)
            waiting = [one for one, record in records.items() if not record.state.final]
            if not waiting or stopped.is_set():
                return records
            if pool.poll() is not None:
                msg = f"the pool ended too early, with exit code {pool.returncode}: {tail(folder, 'pool')}"
                raise DemoError(msg)
            if passed > DEADLINE:
                msg = f"{len(waiting)} of {len(shown)} firings are not finished after {DEADLINE:g} s: {tail(folder, 'pool')}"
                raise DemoError(msg)
            queue.backend.wait_settled(waiting, TICK)


@contextmanager
def _board(shown: list[Shown], seen: dict[str, tuple[float, Sight]]) -> Iterator[Any]:
    """Show changes: a table that changes on a terminal, a line for each change in a pipe."""

    def row(each: Shown) -> tuple[str, ...]:
        passed, sight = seen[each.id]
        return (f"{passed:.2f} s", each.kind, each.wrote, sight.state, sight.remark)

    def line(each: Shown) -> None:
        passed, kind, wrote, state, remark = row(each)
        say(clean(f"{passed:>7}  {state:<8}  {kind:<9}  {wrote}{'  ' if remark else ''}{remark}"))

    if not on_terminal():
        yield line
        say()
        table(Shape(TITLES[1:]), [row(each)[1:] for each in shown])
        say()
        return
    from skunkqueue.cli import drawing  # noqa: PLC0415 - rich is slow to import, and a pipe needs none of it

    live: drawing.Live
    out, mark = drawing.console(), cut_mark()
    with drawing.Live(console=out, auto_refresh=False) as live:

        def redraw(_: Shown) -> None:
            rows = [[clean(cell) for cell in row(each)] for each in shown if each.id in seen]
            live.update(drawing.laid_out(Shape(TITLES, SPARE, LEAST), rows, out.width, mark), refresh=True)

        yield redraw


def _look(record: Record | None) -> Sight:
    if record is None:
        return Sight("gone", "")
    if record.state.value == "complete":
        return Sight("complete", repr(result_of(record, None)))
    if record.state.final:
        return Sight(record.state.value, failure_line(record) or "")
    history = decode_attempt_state(record.attempt_state).history
    past = f"attempt {history[-1].number}: {history[-1].verdict}, {history[-1].note}" if history else ""
    return Sight(record.state.value, progress_line(record) or past)


def _check(shown: list[Shown], records: dict[str, Record]) -> None:
    for each in shown:
        record = records.get(each.id)
        if record is None or record.state.value != "complete":
            msg = f"{each.wrote} is {record.state.value if record else 'gone'} and not complete: {_look(record).remark}"
            raise DemoError(msg)
        result = result_of(record, None)
        if result != each.expected:
            msg = f"{each.wrote} gave {result!r} and not {each.expected!r}"
            raise DemoError(msg)


def _remove(folder: Path) -> None:
    """Remove the folder, also where a worker whose pool was killed writes into it for a moment longer."""
    deadline = time.monotonic() + ROUGH
    while folder.exists() and time.monotonic() < deadline:
        shutil.rmtree(folder, ignore_errors=True)
        if folder.exists():
            time.sleep(TICK)


@contextmanager
def _stopped() -> Iterator[threading.Event]:
    """Set an event at a signal to end, instead of an exception that may be raised at any point."""
    event = threading.Event()

    def ask(_signal: int, _frame: FrameType | None) -> None:
        event.set()

    numbers = not_ignored((signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
    before = {number: signal.signal(number, ask) for number in numbers}
    try:
        yield event
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

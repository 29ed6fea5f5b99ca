"""Every table in real terminals of several widths: one line for each row, and none too long."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pexpect
import pytest

from skunkqueue.cli.text import width_of
from skunkqueue.payload import Progress, encode
from skunkqueue.persistence.backend import Backend
from skunkqueue.plugins import COMMANDS, GROUPS, registry
from skunkqueue.records import ClaimRef, Verdict
from tests.core.cli.program import Skunq, attempted, begin, body, end, fire, hire, open_pool
from tests.core.plugins.distributions import install

JOB = "shopjobs.of.a_long_package_name:download_everything_there_is"
PLACES = [("shop", "downloads"), ("shop", "mail"), ("billing", "a-route-whose-name-is-rather-long")]
WIDTHS = [60, 80, 120]
IN_ONE_PROCESS = """
import sys
from pathlib import Path
from skunkqueue.cli.group import skunq
for words in sys.argv[1:]:
    print("###", flush=True)
    skunq.main(words.split(), standalone_mode=False)
print("###", flush=True)
"""


def seen(columns: int, *commands: str) -> list[list[str]]:
    """Run commands in a terminal; return the lines that each printed, without colours."""
    terminal = pexpect.spawn(
        sys.executable,
        ["-c", IN_ONE_PROCESS, *commands],
        env={**os.environ, "TERM": "xterm"},
        encoding="utf-8",
        timeout=60,
        dimensions=(50, columns),
    )
    told = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.read()).replace("\r", "")
    return [part.strip("\n").splitlines() for part in told.split("###\n")[1:-1]]


def tables(lines: list[str]) -> list[list[str]]:
    """Tell the rows of each table among these lines."""
    found: list[list[str]] = []
    inside = False
    for line in lines:
        if set(line.strip()) == {"─"}:
            found.append([])
            inside = True
        elif not line.strip():
            inside = False
        elif inside:
            found[-1].append(line)
    return found


@pytest.fixture
def full(store: Backend) -> Backend:
    """A store with workers, and with firings in every state, under long names."""
    for queue, route in PLACES:
        busy = "01a2206ac6040245821cd826"
        hire(
            store, f"{queue}-{route}"[:24], queue=queue, route=route, rss=52 << 20, state="busy", current=busy
        )
        for _ in range(4):
            fire(store, body(JOB), queue=queue, route=route)
        end(store, begin(store, queue=queue, route=route), Verdict.ERROR)
        end(store, begin(store, queue=queue, route=route))
        running = begin(store, queue=queue, route=route)
        note = "sorting all of the things that are there to be sorted"
        store.progress(ClaimRef(running.id, running.token), encode(Progress(3, 10, note, store.now())))
    return store


@pytest.mark.parametrize("columns", WIDTHS)
def test_every_row_takes_one_line(full: Backend, columns: int) -> None:
    found = seen(columns, "queues", "jobs", "workers", "top --once", "plugins")
    queues, jobs, workers, top, plugins = [tables(lines) for lines in found]

    assert [len(rows) for rows in queues] == [len(PLACES)]
    assert [len(rows) for rows in jobs] == [4 * len(PLACES)]
    assert [len(rows) for rows in workers] == [len(full.workers())]
    assert [len(rows) for rows in top] == [len(PLACES), len(PLACES), len(PLACES)]
    assert len(plugins[0]) == sum(len(registry.names(group)) for group in GROUPS)
    for rows in [*queues, *jobs, *workers, *top, *plugins]:
        assert [row for row in rows if width_of(row.rstrip()) > columns] == []


@pytest.mark.parametrize("columns", WIDTHS)
def test_every_row_of_what_was_counted_and_done_takes_one_line(
    full: Backend, skunq: Skunq, columns: int
) -> None:
    for queue, route in PLACES:
        open_pool(full, f"pool-{route}"[:24], queue=queue, routes=(route, "another-route-of-it"))
        skunq(
            "pause", "-q", queue, "-r", route, "--why", "the warehouse is closed until the morning after next"
        )
    found = seen(columns, "pools", "audit", "errors", "stats", "jobs --tag gold --newest")
    pools, audit, errors, stats, _ = [tables(lines) for lines in found]

    assert [len(rows) for rows in (*pools, *audit)] == [len(PLACES)] * 2
    assert [len(rows) for rows in errors] == [1]
    assert [len(rows) for rows in stats] == [len(PLACES)] * 2
    for rows in [*pools, *audit, *errors, *stats]:
        assert [row for row in rows if width_of(row.rstrip()) > columns] == []


@pytest.mark.parametrize("columns", WIDTHS)
def test_ids_stay_whole(full: Backend, columns: int) -> None:
    jobs, workers = seen(columns, "jobs", "workers")
    ids = {
        record.id
        for info in full.routes()
        for state in info.counts
        for record in full.page(info.queue, info.route, state).records
    }

    assert {row.split()[0] for row in tables(jobs)[0]} == ids
    assert {row.split()[0] for row in tables(workers)[0]} == {worker.id for worker in full.workers()}


@pytest.mark.parametrize("columns", WIDTHS)
def test_the_attempts_of_a_firing_take_a_line_each(store: Backend, columns: int) -> None:
    made = fire(store, body(JOB))
    note = "ConnectionError: the shop could not be reached, for a reason that takes long to tell"
    end(store, begin(store), Verdict.ERROR, attempt_state=attempted(note, note))

    (lines,) = seen(columns, f"job {made}")

    (rows,) = tables(lines)
    assert [row.split()[0] for row in rows] == ["1", "2", "3"]
    assert [row for row in rows if width_of(row.rstrip()) > columns] == []


def test_a_very_narrow_terminal_gets_the_start_of_each_row(full: Backend) -> None:
    queues, jobs = seen(24, "queues", "jobs")

    assert [len(tables(lines)[0]) for lines in (queues, jobs)] == [len(PLACES), 4 * len(PLACES)]
    assert [row for row in tables(jobs)[0] if not row.startswith("01") and not full.find(row[:8])] == []


def test_a_pipe_gets_all_of_it(full: Backend, skunq: Skunq) -> None:
    told = skunq("jobs")

    assert JOB in told
    assert "ValueError: no such shop" in told
    assert all(worker.id in skunq("workers") for worker in full.workers())


def test_the_doctor_breaks_lines_between_words(full: Backend) -> None:
    (lines,) = seen(60, "doctor")

    long = [line for line in lines if len(line) > 60]
    assert full.location() in " ".join(lines)
    assert [line for line in long if len(line.split()) > 1] == []


@pytest.mark.usefixtures("store")
def test_why_a_plugin_is_broken_is_told_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site"
    install(site, "acme-extra", COMMANDS, {"acme": "acme_extra:no_such_name"}, acme_extra="x = 1")
    monkeypatch.setenv("PYTHONPATH", str(site))

    (lines,) = seen(80, "plugins")

    (told,) = [line for line in lines if line.startswith("acme of skunkqueue.commands is broken: ")]
    assert "no_such_name" in told

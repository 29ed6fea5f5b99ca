"""``skunq demo --web``: the monitor on a busy shop in a throw-away store, until Ctrl-C."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from skunkqueue.cli import demo_past
from skunkqueue.cli import demo_shop as shop
from skunkqueue.cli.demo_processes import DemoError, start, stop, tail
from skunkqueue.cli.demo_traffic import Traffic
from skunkqueue.cli.output import note, say
from skunkqueue.plugins import COMMANDS, registry
from skunkqueue.processes.exit_codes import EXIT_ROUGH
from skunkqueue.queue import SkunkQueue

HOST = "127.0.0.1"
DEADLINE = 60.0
"""Seconds after which the monitor must answer."""
TICK = 0.05
MONITOR = "monitor"
STOPPED = (0, EXIT_ROUGH)
"""With which codes a pool ends that was told to stop, gently or roughly."""
SECRET = "SKUNKQUEUE_WEB_SECRET"  # noqa: S105 - the name of the variable
"""The secret that signs sessions. It is set so that the monitor writes none to a file."""


def run(folder: Path, stopped: threading.Event, port: int) -> None:
    """Serve the monitor until stopped. Raises PluginError where it is not installed, which says how to install it."""
    registry.find(COMMANDS, "web")
    url = f"sqlite:///{folder / 'demo.db'}"
    port = _free(port)
    processes: dict[str, subprocess.Popen[bytes]] = {}
    with SkunkQueue(shop.QUEUE, conn_url=url) as queue:
        try:
            # It starts while the past is made, and opens the store at the first request that needs it.
            words = ["web", "--url", url, "--host", HOST, "--port", str(port)]
            secret = os.environ.get(SECRET) or secrets.token_hex(32)
            processes[MONITOR] = start(folder, MONITOR, words, {SECRET: secret})
            # A page of an earlier demo may be open and ask all the time: it must not see a store whose clock is behind.
            past = folder / "past.db"
            demo_past.make(f"sqlite:///{past}")
            past.rename(folder / "demo.db")
            for number, routes in enumerate(shop.POOLS, 1):
                words = ["work", "-q", shop.QUEUE, "-r", *routes, "--allow", "skunkqueue", "--url", url]
                processes[f"pool {number}"] = start(folder, f"pool{number}", words)
            traffic = Traffic(queue)
            if not traffic.open():
                note("no schedules are shown: pip install 'skunkqueue[schedulers]'")
            told, next_step = False, 0.0
            deadline = time.monotonic() + DEADLINE
            while not stopped.is_set():
                _check(folder, processes)
                if not told and _answers(port) and _is_staffed(queue):
                    told = True
                    say(f"the monitor is at http://{HOST}:{port}; Ctrl-C ends it, and nothing is left behind")
                if not told and time.monotonic() > deadline:
                    msg = f"the monitor does not answer after {DEADLINE:g} s, or a pool has no workers: {tail(folder, 'monitor')}"
                    raise DemoError(msg)
                if time.monotonic() >= next_step:
                    next_step = time.monotonic() + traffic.step()
                stopped.wait(min(max(next_step - time.monotonic(), 0.0), TICK))
        finally:
            # All at the same time, since each may take a while.
            with ThreadPoolExecutor(len(processes) or 1) as enders:
                list(enders.map(partial(stop, rough=True), processes.values()))


def _check(folder: Path, processes: dict[str, subprocess.Popen[bytes]]) -> None:
    for name, process in list(processes.items()):
        code = process.poll()
        if code in STOPPED and name != MONITOR:
            # Somebody has tried the buttons: what they see is what would happen.
            del processes[name]
            note(f"{name} was stopped; start the demo anew to have it again")
        elif code is not None:
            log = tail(folder, name.replace(" ", ""))
            msg = f"the {name} ended too early, with exit code {code}: {log}"
            raise DemoError(msg)


def _free(port: int) -> int:
    """Return the port if it is free, else another that is."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            probe.bind((HOST, 0))
        found: int = probe.getsockname()[1]
    return found


def _answers(port: int) -> bool:
    try:
        # Not a page: the monitor would remember for a while what it found before workers were there.
        with urllib.request.urlopen(f"http://{HOST}:{port}/healthz", timeout=1):
            return True
    except urllib.error.HTTPError:
        # It is there, whatever the status.
        return True
    except OSError:
        return False


def _is_staffed(queue: SkunkQueue) -> bool:
    """Return whether every route of the pools has a worker, so that the first page has no false alarm."""
    staffed = {route for worker in queue.backend.workers(shop.QUEUE) for route in worker.routes}
    return all(route in staffed for routes in shop.POOLS for route in routes)

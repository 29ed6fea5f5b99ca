"""One server process on a free loopback port in a throw-away folder: starting, stopping, killing, freezing it.

Knows processes, ports and log files, and nothing of what the server serves. Signals go to processes that
were started here and to no others.
"""

from __future__ import annotations

import contextlib
import random
import shutil
import signal
import socket
import subprocess
from abc import ABC, abstractmethod
from functools import partial
from pathlib import Path

import psutil

from tests.support.waiting import eventually, pause

HOST = "127.0.0.1"
PORTS = range(20_000, 32_000)
"""Below what systems give to outgoing connections: those could take the port of a server that is down."""
START = 60.0
"""Seconds until a server that does not answer is taken to have failed."""
STOP = 5.0
"""Seconds until one that does not stop by itself is killed."""
TRIES = 10


def free_port() -> int:
    """Find a port that nobody listens on now."""
    while True:
        port: int = random.SystemRandom().choice(PORTS)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind((HOST, port))
                return port


class ServerProcess(ABC):
    """A server that is started, and started again on its port and folder."""

    port_taken = "bind"
    """What its log says, in small letters, where somebody else has its port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = 0
        """0 until the first start found one."""
        self.scratch: Path | None = None
        """A folder that goes when the server is closed, or when this process dies while it runs."""
        self.log = folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    @abstractmethod
    def command(self) -> list[str]:
        """Write what the server needs into the folder, and say how it is started on ``self.port``."""

    @abstractmethod
    def answers(self) -> bool:
        """Say whether it is this very process that serves on the port."""

    @property
    def pid(self) -> int:
        """The process that runs now."""
        assert self._process is not None, "the server has not been started"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Say whether it lives."""
        return self._process is not None and self._process.poll() is None

    def start(self, *, wait: bool = True) -> None:
        """Start it and, unless told not to, wait until it answers."""
        assert not self.running, f"the server on port {self.port} runs already"
        fixed = self.port != 0
        for left in reversed(range(TRIES)):
            self.port = self.port if fixed else free_port()
            with self.log.open("ab") as log:
                begin = log.tell()
                self._process = subprocess.Popen(
                    self.command(), cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
                )
            self._guard = _guard(self.pid, self.scratch)
            if not wait or self._came_up():
                return
            self.kill()
            said = self.log.read_bytes()[begin:].decode(errors="replace")
            if self.port_taken not in said.lower() or not left:
                msg = f"the server did not start on port {self.port}; its log says:\n{said}"
                raise AssertionError(msg)
            # Somebody was faster at this port; where it must be this one, they may let go of it.
            pause(0.1 if fixed else 0)

    def stop(self) -> None:
        """Ask it to end (SIGTERM) and wait; one that does not is killed."""
        if self._process is None:
            return
        self._process.terminate()
        self.go_on()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP)
        self.kill()

    def kill(self) -> None:
        """End it at once (SIGKILL)."""
        if self._guard is not None:
            # First, since it must not know the process id of one that has ended.
            self._guard.kill()
            self._guard.communicate()
            self._guard = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def restart(self) -> None:
        """Start it again on the same port and folder; end it first where it still runs."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Let it stand still (SIGSTOP), its connections open."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        # Each of its threads stops on its way out of the system, on a busy machine a while later.
        threads = psutil.Process(self._process.pid).threads()
        for one in threads:
            eventually(partial(_stands_still, one.id), what=f"thread {one.id} of the server stands still")

    def go_on(self) -> None:
        """End a pause."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End it for good."""
        self.stop()
        if self.scratch is not None:
            shutil.rmtree(self.scratch, ignore_errors=True)

    def _came_up(self) -> bool:
        eventually(lambda: not self.running or self.answers(), START, every=0.003, what=f"{self} answers")
        return self.running


def _guard(pid: int, scratch: Path | None) -> subprocess.Popen[bytes]:
    # Holds the end of a pipe, and so learns that this process is gone, by whatever death.
    # A signal to the whole group of processes must not end it before its work is done.
    script = 'trap "" HUP INT TERM; read -r _; kill -9 "$0"; [ -z "$1" ] || rm -rf "$1"'
    return subprocess.Popen(
        ["/bin/sh", "-c", script, str(pid), str(scratch or "")],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _stands_still(thread: int) -> bool:
    try:
        return psutil.Process(thread).status() == psutil.STATUS_STOPPED
    except psutil.NoSuchProcess:
        return True

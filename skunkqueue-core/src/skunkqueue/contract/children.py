"""Starting, hearing and killing the child processes of the concurrency and crash tests."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import msgspec

from skunkqueue.contract.child import Orders
from skunkqueue.contract.kit import PATIENCE
from skunkqueue.persistence.backend import Backend, BackendConfig

Line = list[Any]


def orders(tested_class: type[Backend], config: BackendConfig, role: str, name: str, **more: Any) -> Orders:
    """Write the orders for a child that opens the same store."""
    path = f"{tested_class.__module__}:{tested_class.__qualname__}"
    return Orders(backend_class=path, config=config, role=role, name=name, **more)


class Child:
    """One child process, whose lines are read as they come."""

    def __init__(self, given: Orders) -> None:
        self.name = given.name
        self._given = given
        # What this process can import the child can too, installed or not.
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
        command = [sys.executable, "-m", "skunkqueue.contract.child", msgspec.json.encode(given).decode()]
        # Unbuffered, since what readline() reads ahead communicate() would not see.
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, bufsize=0
        )

    def next_line(self) -> Line:
        """Read its next line; an empty list once it has ended."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        return msgspec.json.decode(line, type=Line) if line.endswith(b"\n") else []

    def kill(self) -> None:
        """Send SIGKILL."""
        self._process.kill()

    def expect(self, line: Line) -> None:
        """Read its next line, and check that it is this one."""
        found = self.next_line()
        if found != line:
            self.kill()
            self._fail(f"said {found} instead of {line}", self.reap()[1])

    def rest(self, *, killed: bool = False) -> list[Line]:
        """Wait for its end, check that it succeeded, and return the lines that were not read yet.

        ``killed``: it was killed; it must have reported no error before.
        """
        try:
            lines, complaints = self.reap()
        except subprocess.TimeoutExpired:
            self.kill()
            self._fail(f"did not end within {3 * PATIENCE:g} s", self.reap()[1])
        if complaints or not (killed or self._process.returncode == 0):
            self._fail(f"ended with exit code {self._process.returncode}", complaints)
        return lines

    def reap(self) -> tuple[list[Line], str]:
        """Wait for its end, good or bad; return the lines that were not read yet, and its error output."""
        out, complaints = self._process.communicate(timeout=3 * PATIENCE)
        lines = [
            msgspec.json.decode(line, type=Line)
            for line in out.splitlines(keepends=True)
            if line.endswith(b"\n")
        ]
        return lines, complaints.decode(errors="replace")

    def _fail(self, what: str, complaints: str) -> NoReturn:
        """Fail the test with all output of the child; pytest would cut a comparison short."""
        given = self._given
        wrote = f"it wrote:\n{complaints}" if complaints else "it wrote nothing"
        msg = f"the child process {given.name!r} ({given.role}, seed {given.seed}) {what}; to its standard error {wrote}"
        raise AssertionError(msg)


@contextmanager
def started(*given: Orders) -> Iterator[list[Child]]:
    """Start children, and kill those that still run when the test ends."""
    children: list[Child] = []
    try:
        children.extend(Child(one) for one in given)
        yield children
    finally:
        for child in children:
            child.kill()
            child.reap()

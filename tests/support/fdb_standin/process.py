"""A server of the stand-in, as a test wants it: its cluster file, its faults, its counts."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Any, final

import msgspec

from tests.support.fdb_standin.faults import Fault
from tests.support.fdb_standin.wire import Frames, framed
from tests.support.server_process import HOST, ServerProcess

ROOT = Path(__file__).parents[3]


@final
class StandInServer(ServerProcess):
    """One process; its data is gone when it ends."""

    def __repr__(self) -> str:
        return f"the stand-in on port {self.port}"

    @property
    def connection_string(self) -> str:
        """Say how clients find it."""
        return f"standin:here@{HOST}:{self.port}"

    @property
    def cluster_file(self) -> Path:
        """Give the file that says so."""
        return self.folder / "fdb.cluster"

    def url(self, dbname: str = "") -> str:
        """Make the URL of a store there."""
        return f"fdb://{self.cluster_file}" + (f"?dbname={dbname}" if dbname else "")

    def command(self) -> list[str]:
        self.cluster_file.write_text(self.connection_string + "\n", encoding="utf-8")
        # Nothing of the test's environment but where modules are.
        program = (
            f"import sys; sys.path[:0] = {[str(ROOT)]!r}; import runpy; sys.argv = ['server', '{self.port}']"
        )
        return [
            sys.executable,
            "-c",
            f"{program}; runpy.run_module('{__package__}.server', run_name='__main__')",
        ]

    def answers(self) -> bool:
        try:
            self._ask("statistics")
        except OSError:
            return False
        return os.path.exists(self.cluster_file)  # noqa: PTH110 - asked again and again

    def fail(self, fault: Fault) -> None:
        """Have something go wrong from now on."""
        self._ask("fault", msgspec.to_builtins(fault, builtin_types=(bytes,)))

    def clear_faults(self) -> int:
        """Have nothing go wrong any more; return how often something did."""
        met: int = self._ask("clear_faults")[0]
        return met

    def jump(self, seconds: float) -> None:
        """Have versions jump ahead, as in a recovery; transactions that have begun cannot commit any more."""
        self._ask("jump", int(seconds * 1_000_000))

    def statistics(self) -> dict[str, int]:
        """Read what it counts: commits, faults met, commits that came late, conflicts, reads, versions, watches, keys."""
        counted: dict[str, int] = self._ask("statistics")[0]
        return counted

    def _ask(self, *message: Any) -> list[Any]:
        frames = Frames()
        with socket.create_connection((HOST, self.port), timeout=10) as line:
            line.sendall(framed(message))
            while True:
                data = line.recv(65_536)
                if not data:
                    raise ConnectionResetError
                for reply in frames.feed(data):
                    assert reply[0] == 0, reply
                    found: list[Any] = reply[1:]
                    return found

"""One FoundationDB server process, or a cluster of them, as a test wants it: engine, redundancy, TLS.

Knows the server's command line and ``fdbcli``; knows nothing of queues.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Literal, final

from tests.support.binaries import not_to_be_had, on_path
from tests.support.certificates import Files
from tests.support.fdb_proxy import FdbProxy
from tests.support.server_process import HOST, START, ServerProcess, free_port
from tests.support.waiting import eventually

Engine = Literal["memory", "ssd"]
CLI_PATIENCE = 60
"""Seconds that ``fdbcli`` is given for one command."""
LIBRARY, SEARCHED = (
    ("libfdb_c.dylib", "DYLD_LIBRARY_PATH")
    if sys.platform == "darwin"
    else ("libfdb_c.so", "LD_LIBRARY_PATH")
)
"""The client's library, and the variable that names folders in which it is looked for."""


def find_fdbserver() -> Path:
    """Find a FoundationDB server; skip loudly where it or its client is not here, for no registry of packages carries them."""
    lacking = missing()
    if lacking:
        raise not_to_be_had(*lacking)
    return on_path("fdbserver")[0]


def is_here() -> bool:
    """Say whether there are a server, the client's library and the binding."""
    return not missing()


def missing() -> tuple[str, str] | None:
    """Say what is not here, and what helps; ``None``: all is here."""
    if not (on_path("fdbserver") and on_path("fdbcli")):
        return "a FoundationDB server", "put an fdbserver and an fdbcli (7.1 to 7.4) on the PATH"
    if not importlib.util.find_spec("fdb"):
        return "FoundationDB's Python binding", "pip install foundationdb, no newer than the library"
    if not _library_is_found():
        return (
            "FoundationDB's client library",
            f"put {LIBRARY} beside the fdbserver on the PATH, or its folder into LD_LIBRARY_PATH",
        )
    return None


def _library_is_found() -> bool:
    """Say whether the library can be loaded by its name, and have that be so where it lies beside the server."""
    if _loads(LIBRARY):
        return True
    (server,) = on_path("fdbserver")
    for folder in (server.parent, server.resolve().parent):
        # By its path it is loaded once, and then found by its name; processes that start later look for it themselves.
        if _loads(str(folder / LIBRARY)) and _loads(LIBRARY):
            others = os.environ.get(SEARCHED)
            os.environ[SEARCHED] = f"{folder}:{others}" if others else str(folder)
            return True
    return False


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


class FdbProcess(ServerProcess):
    """One process of a cluster; it is of use once the cluster is configured."""

    port_taken = "address in use"

    def __init__(self, binary: Path, folder: Path, *, name: str = "one") -> None:
        super().__init__(folder)
        self.binary = binary
        self.name = name
        self.options: list[str] = []
        """Of the server and of ``fdbcli`` alike."""
        self.suffix = ""
        """What stands behind its address: ``:tls`` where it speaks only that."""
        self.public_port = 0
        """The port by which others are to reach it, where that is not its own but that of a proxy."""
        self.seed = ""
        """What its cluster file says at first; nothing: itself."""

    def __repr__(self) -> str:
        return f"fdbserver {self.name} on port {self.port}"

    @property
    def address(self) -> str:
        """Say where it is."""
        return f"{HOST}:{self.public_port or self.port}{self.suffix}"

    @property
    def connection_string(self) -> str:
        """Say how clients find its cluster now: coordinators may have changed."""
        return self.cluster_file.read_text(encoding="utf-8").splitlines()[-1].strip()

    @property
    def cluster_file(self) -> Path:
        """Give its cluster file, which it writes itself when coordinators change."""
        return self.folder / "fdb.cluster"

    def command(self) -> list[str]:
        for name in ("data", "trace"):
            (self.folder / name).mkdir(exist_ok=True)
        if not self.cluster_file.exists() or self.port_is_new():
            self.cluster_file.write_text((self.seed or f"tests:one@{self.address}") + "\n", encoding="utf-8")
        # Each is a machine of its own, or there would be no redundancy.
        place = [f"--locality-machineid={self.name}", f"--locality-zoneid={self.name}"]
        files = [
            "-C",
            str(self.cluster_file),
            "-d",
            str(self.folder / "data"),
            "-L",
            str(self.folder / "trace"),
        ]
        listen = ["-l", f"{HOST}:{self.port}{self.suffix}"]
        return [str(self.binary), "-p", self.address, *listen, *files, *place, *self.options]

    def port_is_new(self) -> bool:
        """Say whether the file names another port, one that somebody else was faster at."""
        return not self.seed and self.address not in self.cluster_file.read_text(encoding="utf-8")

    def answers(self) -> bool:
        """Its log says so; whether its cluster is available is another question."""
        return "joined cluster" in self.log.read_text(errors="replace").lower()

    def cli(self, *commands: str, timeout: int = CLI_PATIENCE) -> str:
        """Run commands of ``fdbcli``; return what it says."""
        words = ["fdbcli", "-C", str(self.cluster_file), "--timeout", str(timeout), *self.options]
        for command in commands:
            words += ["--exec", command]
        return subprocess.run(words, capture_output=True, text=True, check=False, cwd=self.folder).stdout

    def close(self) -> None:
        """End it for good, at once: nobody wants its data any more."""
        self.kill()
        super().close()


@final
class FdbServer(FdbProcess):
    """A cluster of one process."""

    def __init__(
        self, binary: Path, folder: Path, *, engine: Engine = "memory", tls: Files | None = None
    ) -> None:
        super().__init__(binary, folder)
        self.engine = engine
        if tls is not None:
            self.suffix = ":tls"
            for name in ("certificate", "key"):
                self.options += [f"--tls-{name}-file", str(getattr(tls, name))]
            self.options += ["--tls-ca-file", str(tls.authority)]
        self._configured = False

    def behind_proxy(self) -> FdbProxy:
        """Have all others reach it through a proxy, which the caller closes; before it is started."""
        self.port = free_port()
        proxy = FdbProxy(self.port)
        self.public_port = proxy.port
        return proxy

    def url(self, dbname: str = "") -> str:
        """Make the URL of a store there."""
        return url_of(self.cluster_file, dbname)

    def start(self, *, wait: bool = True) -> None:
        """Start it and, unless told not to, wait until it is available."""
        super().start(wait=wait)
        if not self._configured:
            configure(self, f"new single {self.engine}")
            self._configured = True
        if wait:
            available(self)


@final
class FdbCluster:
    """Three processes, each a machine of its own, with two copies of everything: any one of them may be lost."""

    def __init__(self, binary: Path, folder: Path, *, engine: Engine = "ssd") -> None:
        self.engine = engine
        self.members = [FdbProcess(binary, folder / name, name=name) for name in ("one", "two", "three")]

    @property
    def cluster_file(self) -> Path:
        """Give a cluster file of clients, which the binding may write."""
        return self.members[0].folder / "client.cluster"

    def url(self, dbname: str = "") -> str:
        """Make the URL of a store there."""
        return url_of(self.cluster_file, dbname)

    def start(self) -> None:
        """Start all, and wait until they have all data twice."""
        first, *others = self.members
        first.start()
        for member in others:
            member.seed = first.connection_string
            member.start()
        configure(first, f"new double {self.engine}")
        addresses = {member.address for member in self.members}
        eventually(
            lambda: first.cli("coordinators auto") and coordinators(first) == addresses,
            START,
            every=0.2,
            what="every process is a coordinator",
        )
        shutil.copy(first.cluster_file, self.cluster_file)
        eventually(
            lambda: re.search(r"Fault Tolerance\s+- 1", first.cli("status")),
            START,
            every=0.2,
            what="any process may be lost",
        )

    def healthy(self) -> None:
        """Wait until two copies are there of everything; after a start or a death that takes most of a minute."""
        live = next(member for member in self.members if member.running)
        eventually(
            lambda: "Healthy" in live.cli("status"), 5 * START, every=0.5, what="the cluster has two copies"
        )

    def leader(self) -> FdbProcess:
        """Find the process that hands out versions: without it nothing goes on before a recovery."""
        live = next(member for member in self.members if member.running)

        def found() -> list[FdbProcess]:
            said = live.cli("status json")
            status = json.loads(said[said.index("{") :])
            processes = status.get("cluster", {}).get("processes", {}).values()
            leading = {
                one["address"] for one in processes if any(role["role"] == "master" for role in one["roles"])
            }
            return [member for member in self.members if member.address in leading]

        return eventually(found, START, every=0.2, what="a process leads")[0]

    def heal(self) -> None:
        """Have all of them run, with two copies of everything."""
        for member in self.members:
            if member.running:
                member.go_on()
            else:
                member.start()
        self.healthy()

    def close(self) -> None:
        """End all."""
        for member in self.members:
            member.close()


def configure(process: FdbProcess, how: str) -> None:
    """Configure a cluster through one of its processes."""
    said = ""

    def done() -> bool:
        nonlocal said
        said = process.cli(f"configure {how}")
        return "created" in said or "changed" in said or "already exists" in said

    eventually(done, START, every=0.1, what=f"{process} is configured {how}")


def coordinators(process: FdbProcess) -> set[str]:
    """Read the addresses of the coordinators."""
    return set(process.connection_string.partition("@")[2].split(","))


def available(process: FdbProcess) -> None:
    """Wait until reads and writes are served."""
    eventually(
        lambda: "is available" in process.cli("status minimal", timeout=5),
        START,
        every=0.05,
        what=f"{process} is available",
    )


def url_of(cluster_file: Path, dbname: str) -> str:
    """Make the URL of a store by a cluster file."""
    return f"fdb://{cluster_file}" + (f"?dbname={dbname}" if dbname else "")

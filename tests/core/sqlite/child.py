"""The processes these tests start; run by path, with a role and the store's file."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

from skunkqueue.clock import SYSTEM_CLOCK
from skunkqueue.errors import BackendError, BackendFullError
from skunkqueue.ids import new_id
from skunkqueue.persistence import BackendConfig
from skunkqueue.persistence.sqlite import SQLiteBackend
from skunkqueue.records import Firing, Outcome, State, Verdict


def opened(path: str) -> SQLiteBackend:
    return SQLiteBackend.open(BackendConfig(backend="sqlite", url=path))


def made() -> Firing:
    return Firing(id=new_id(), queue="q", route="r", body=b"body")


def put_one(path: str) -> None:
    """Open the store together with others, as soon as told to, and put one in."""
    sys.stdin.readline()
    backend = opened(path)
    print(*backend.enqueue([made()]))
    backend.close()


def put_and_run(path: str, number: str) -> None:
    """Put in and run so many, one by one, among others that do the same."""
    backend = opened(path)
    finished = 0
    for _ in range(int(number)):
        backend.enqueue([made()])
        lent = backend.claim("q", "r", f"w{os.getpid()}", 3, 30.0)
        outcomes = [Outcome(id=one.id, token=one.token, verdict=Verdict.COMPLETE) for one in lent]
        finished += len(outcomes) - len(backend.settle(outcomes))
    print(finished)
    backend.close()


def wait_settled(path: str, id_: str) -> None:
    """Listen until killed."""
    backend = opened(path)
    print("listening", flush=True)
    backend.wait_settled([id_], 600.0)


def read_only(path: str) -> None:
    """Open the store as a user who may only read it; root would be stopped by nothing."""
    if os.getuid() == 0:
        os.setgid(65534)
        os.setuid(65534)
    try:
        opened(path)
    except BackendError as error:
        print(type(error).__name__, error)


def read_on_full_disk(path: str) -> None:
    """Put some in, fill the disk, and tell what can be read then."""
    backend = opened(path)
    for _ in range(20):
        backend.enqueue([made()])
    fill_disk(path)
    try:
        backend.enqueue([made()] * 5)
    except BackendFullError:
        (info,) = backend.routes()
        print(info.counts[State.PENDING], len(backend.page("q", "r", State.PENDING, 100).records))


def fill_disk(path: str) -> None:
    """Leave no room beside the store."""
    with suppress(OSError), Path(path).with_name("fill").open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 512)


def open_on_full_disk(path: str) -> None:
    """Put some in, close the store and fill the disk; tell what opening it says, and what commands show and say."""
    backend = opened(path)
    backend.enqueue([made() for _ in range(20)])
    backend.close()
    fill_disk(path)
    try:
        opened(path)
    except BackendFullError as error:
        print(error)
    for command in ("queues --json", "pause -q q -r r"):
        call = [sys.executable, "-m", "skunkqueue.cli", *command.split(), "--url", f"sqlite:///{path}"]
        done = subprocess.run(call, capture_output=True, text=True, check=False)
        print(done.returncode, " ".join((done.stdout + done.stderr).split()))


def list_pending(path: str) -> None:
    """Tell what is pending."""
    backend = opened(path)
    print(*(record.id for record in backend.page("q", "r", State.PENDING, 100).records))
    backend.close()


def wake(path: str) -> None:
    """Tell how long after an enqueue elsewhere ``wait`` returns; the body is the moment of enqueueing."""
    backend = opened(path)
    print("waiting", flush=True)
    while not backend.wait("q", "r", "w", 60.0):
        pass
    at = SYSTEM_CLOCK.monotonic()
    (lent,) = backend.claim("q", "r", "w", 1, 30.0)
    print(at - float(lent.body))
    backend.close()


def main(role: str, *more: str) -> None:
    """Do what the role says."""
    threading.stack_size(256 * 1024)
    globals()[role](*more)


if __name__ == "__main__":
    main(*sys.argv[1:])

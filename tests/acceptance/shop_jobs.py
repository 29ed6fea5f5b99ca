"""Jobs that the acceptance tests fire; copied into a stage's folder as ``jobs.py``."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from skunkqueue import Retry, SkunkQueue, Snooze, current_job

queue = SkunkQueue("shop")
HERE = Path(__file__).parent


def mark(what: str) -> None:
    """Leave a file that says that something has happened to this firing."""
    (HERE / f"{what}-{current_job().id}").touch()


def wait_for(name: str) -> None:
    """Wait for a file, as a job that takes its time."""
    while not (HERE / name).exists():
        time.sleep(0.01)


@queue.job
def add(first: int, second: int) -> int:
    return first + second


@queue.job
def hold(until: str) -> int:
    mark("begun")
    wait_for(until)
    return 42


@queue.job
def stop_worker() -> None:
    """Stop the worker, as a suspended machine would; once."""
    if not (HERE / f"begun-{current_job().id}").exists():
        mark("begun")
        os.kill(os.getpid(), signal.SIGSTOP)


@queue.job
def tally() -> int:
    """Note who ran it."""
    with (HERE / f"tally-{current_job().id}").open("a") as file:
        file.write(f"{os.getpid()} ")
    return os.getpid()


@queue.job
def inheritable() -> list[int]:
    """List the file descriptors that programs inherit which a job starts."""
    found = []
    for number in range(256):
        try:
            inherited = os.get_inheritable(number)
        except OSError:
            continue
        if inherited:
            found.append(number)
    return found


@queue.job
def which() -> int:
    return os.getpid()


@queue.job
def sleep(seconds: float = 1000.0) -> str:
    try:
        mark("begun")
        time.sleep(seconds)
    finally:
        mark("finally")
    return "awake"


@queue.job
def notice() -> str:
    """End once the worker is told to end."""
    mark("begun")
    while not current_job().stopping:
        time.sleep(0.01)
    return "noticed"


@queue.job
async def notice_async() -> str:
    mark("begun")
    while not current_job().stopping:  # noqa: ASYNC110 - what a job would do
        await asyncio.sleep(0.01)
    return "noticed"


@queue.job
def receive() -> bytes:
    left, _right = socket.socketpair()
    try:
        mark("begun")
        return left.recv(1)
    finally:
        mark("finally")


@queue.job
def lock() -> bool:
    taken = threading.Lock()
    taken.acquire()
    try:
        mark("begun")
        return taken.acquire()
    finally:
        mark("finally")


@queue.job
def loop() -> None:
    try:
        mark("begun")
        while True:
            pass
    finally:
        mark("finally")


@queue.job
def stubborn() -> None:
    while True:
        try:
            mark("begun")
            time.sleep(1000)
        except BaseException:  # noqa: BLE001 - that is the point
            mark("caught")


@queue.job
def in_c(after: float = 0.0) -> None:
    """Hold the GIL in a C call that does not return.

    A while after it began, no thread of its worker is in the middle of a transaction, which would keep everybody
    from writing to SQLite.
    """
    time.sleep(after)
    mark("begun")
    ctypes.PyDLL(None).sleep(1000)


@queue.job
async def doze(seconds: float = 1000.0) -> str:
    try:
        mark("begun")
        await asyncio.sleep(seconds)
    finally:
        mark("finally")
    return "awake"


@queue.job
async def meet(number: int) -> int:
    """End once so many run at the same time."""
    mark("meeting")
    while len(list(HERE.glob("meeting-*"))) < number:  # noqa: ASYNC110 - what it waits for are files
        await asyncio.sleep(0.01)
    return number


@queue.job
def meet_in_threads(number: int) -> int:
    """End once so many run at the same time."""
    mark("meeting")
    while len(list(HERE.glob("meeting-*"))) < number:
        time.sleep(0.01)
    return number


@queue.job
def crowd() -> int:
    """Tell how many run beside this one, itself included."""
    mark("inside")
    time.sleep(0.02)
    inside = len(list(HERE.glob("inside-*")))
    (HERE / f"inside-{current_job().id}").unlink()
    return inside


@queue.job
def whoami() -> tuple[str, str]:
    current_job().progress(1, 2)
    return current_job().id, threading.current_thread().name


@queue.job
async def block_loop() -> None:
    mark("begun")
    time.sleep(1000)  # noqa: ASYNC251 - that is the point


@queue.job
def wait_for_own(seconds: float) -> str:
    """Wait for a firing that only this worker could run."""
    handle = add.fire(1, 2)
    try:
        handle.wait(seconds)
    except TimeoutError:
        return "too late"
    return "in time"


@queue.job
def twice(number: int, plus: int = 0) -> int:
    return 2 * number + plus


@queue.job
async def twice_async(number: int, plus: int = 0) -> int:
    await asyncio.sleep(0)
    return 2 * number + plus


@queue.job
def leave(code: object = None) -> None:
    sys.exit(code)  # type: ignore[arg-type]  # anything may be given


@queue.job
def leave_at_once(code: int) -> None:
    os._exit(code)


@queue.job
def press_ctrl_c() -> None:
    raise KeyboardInterrupt


@queue.job
def recurse() -> int:
    return int(recurse.work()) + 1


@queue.job
def close_streams() -> str:
    sys.stdout.close()
    sys.stderr.close()
    os.close(1)
    os.close(2)
    return "closed"


@queue.job
def say(text: str) -> None:
    print(text)
    print(text, file=sys.stderr)
    os.write(1, f"raw {text}\n".encode())


@queue.job
def leave_orphan() -> str:
    """Leave a process behind whose parent ends at once, so that process 1 inherits it."""
    subprocess.run(["/bin/sh", "-c", f"(while [ ! -e {HERE}/orphan-go ]; do sleep 0.02; done) &"], check=True)
    return "left"


@queue.job
def fork() -> str:
    """Fork, and let the copy return like the original."""
    if os.fork() == 0:
        mark("copy")
    return "forked"


@queue.job
async def fork_async() -> str:
    """Fork, and let the copy return like the original; a neighbour's step is due at the same moment."""
    neighbour = asyncio.ensure_future(count_steps())
    await asyncio.sleep(0)
    if os.fork() == 0:
        mark("copy")
        return "the copy"
    await neighbour
    return "forked"


async def count_steps() -> None:
    """Note each step in a file, which a copy that went on would add to."""
    for _ in range(3):
        with (HERE / f"steps-{current_job().id}").open("a") as file:
            file.write(f"{os.getpid()} ")
        await asyncio.sleep(0)


@queue.job
async def fork_and_wait() -> str:
    """Fork, and let the copy wait for the loop, as the original does."""
    pid = os.fork()
    if pid == 0:
        mark("copy")
    await asyncio.sleep(0.01)
    return "forked"


@queue.job
async def fork_and_close() -> str:
    """Let a copy close what the loop watches for this process."""
    left, right = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=left)
    if os.fork() == 0:
        writer.close()
        mark("copy")
        return "the copy"
    while not (HERE / f"copy-{current_job().id}").exists():  # noqa: ASYNC110 - what it waits for is a file
        await asyncio.sleep(0.01)
    right.send(b"a line\n")
    line = await reader.readline()
    writer.close()
    right.close()
    return line.decode().strip()


@queue.job
async def which_async() -> int:
    await asyncio.sleep(0)
    return os.getpid()


@queue.job
def os_chdir(folder: str) -> None:
    os.chdir(folder)


@queue.job
def where() -> str:
    return str(Path.cwd())


@queue.job
def start_thread() -> str:
    threading.Thread(target=threading.Event().wait).start()
    return "started"


@queue.job
def eat() -> int:
    return len(bytearray(1 << 40))


@queue.job
def hoard(mebibytes: int) -> None:
    KEPT.append(bytearray(os.urandom(1 << 20)) * mebibytes)


KEPT: list[bytearray] = []


@queue.job
def crash() -> None:
    mark(f"crash{current_job().attempt}")
    ctypes.string_at(0)


@queue.job
def kill_worker(times: int) -> str:
    if current_job().attempt <= times:
        os.kill(os.getpid(), signal.SIGKILL)
    return f"attempt {current_job().attempt}"


@queue.job(retries=3, backoff=0.0)
def fail_until(attempt: int) -> int:
    if current_job().attempt < attempt:
        msg = f"attempt {current_job().attempt}"
        raise ValueError(msg)
    return current_job().attempt


@queue.job(retries=1)
def ask_again(after: float) -> int:
    if current_job().attempt == 1:
        raise Retry(after=after)
    return current_job().attempt


@queue.job
def snooze_once() -> int:
    marker = HERE / f"snoozed-{current_job().id}"
    if not marker.exists():
        marker.touch()
        raise Snooze(0.05)
    return current_job().attempt


@queue.job
def complain_of_a_file() -> None:
    raise ValueError("no such file: \udcff")


@queue.job
def close_all_descriptors() -> str:
    os.closerange(3, 1_000)
    return "closed"


@queue.job
def unstorable() -> object:
    return object()


@queue.job
def steal_signals() -> None:
    for number in (signal.SIGURG, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)


@queue.job
def report(until: str) -> None:
    current_job().progress(3, 10, "on the way")
    mark("begun")
    wait_for(until)

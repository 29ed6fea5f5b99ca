"""What a pool says to its workers."""

from __future__ import annotations

import os
import select
import signal
import threading

from skunkqueue.pool.child_process import ChildProcess
from tests.core.worker.bench import Bench
from tests.support.waiting import PATIENCE, eventually


def test_what_is_said_to_a_worker_arrives_whole_though_a_signal_comes(bench: Bench) -> None:
    child = ChildProcess(bench.settings())
    os.kill(child.pid, signal.SIGKILL)
    eventually(child.reap, what="it has ended")
    reading, writing = os.pipe()
    real, child._control_pipe = child._control_pipe, writing
    said, heard, came = bytes(1 << 20), list[bytes](), threading.Event()

    def hear() -> None:
        eventually(lambda: not select.select([], [writing], [], 0)[1], what="the pipe is full")
        os.kill(os.getpid(), signal.SIGUSR1)
        came.wait(PATIENCE)
        while data := os.read(reading, 65536):
            heard.append(data)

    before = signal.signal(signal.SIGUSR1, lambda *_: came.set())
    hearing = threading.Thread(target=hear)
    hearing.start()
    try:
        child._say(said)
    finally:
        os.close(writing)
        hearing.join(PATIENCE)
        signal.signal(signal.SIGUSR1, before)
        os.close(reading)
        child._control_pipe = real
        child.close()

    assert len(b"".join(heard)) == len(said)

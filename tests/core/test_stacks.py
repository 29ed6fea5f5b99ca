"""Looking at the stacks of other threads, from several threads at a time."""

from __future__ import annotations

import subprocess
import sys
import threading
from types import FrameType

from skunkqueue.stacks import stacks

PROGRAM = """
import gc, sys, threading, time
from skunkqueue.stacks import stacks

class Circle:
    # Collected by the garbage collector alone; its finalizer lets other threads run.
    def __init__(self):
        self.me = self
    def __del__(self):
        time.sleep(0)

def look():
    for _ in range(1_500):
        Circle()
        stacks()

# Most allocations begin a collection.
gc.set_threshold(3)
threads = [threading.Thread(target=look) for _ in range(6)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def test_several_threads_look_while_garbage_is_collected() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], timeout=120, check=False)
    assert done.returncode == 0


def test_each_thread_is_seen_where_it_is() -> None:
    inside, go_on = threading.Event(), threading.Event()

    def stay() -> None:
        inside.set()
        go_on.wait()

    thread = threading.Thread(target=stay)
    thread.start()
    inside.wait()
    frame: FrameType | None = stacks()[thread.ident or 0]
    names = []
    while frame is not None:
        names.append(frame.f_code.co_name)
        frame = frame.f_back
    go_on.set()
    thread.join()
    assert "stay" in names

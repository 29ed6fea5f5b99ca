"""How the process of ``skunq web`` keeps its memory small."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

_THREADS = 8
_COUNT = f"""
import ctypes, os, sys, threading
from skunkqueue.web.memory import share_arenas
libc = ctypes.CDLL(None)
if sys.argv[1] == "shared":
    assert share_arenas()
libc.malloc.restype = ctypes.c_void_p
met = threading.Barrier({_THREADS})
def allocate():
    met.wait()
    libc.malloc(ctypes.c_size_t(1_000))
    met.wait()
threads = [threading.Thread(target=allocate) for _ in range({_THREADS})]
for thread in threads: thread.start()
for thread in threads: thread.join()
libc.fdopen.restype = ctypes.c_void_p
out = ctypes.c_void_p(libc.fdopen(os.dup(1), b"w"))
libc.malloc_info(0, out)
libc.fflush(out)
"""


def heaps(how: str) -> int:
    """Return how many heaps a process has whose threads all allocate."""
    command = [sys.executable, "-c", _COUNT, how]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.count("<heap nr=")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc makes a heap for each thread")
def test_threads_share_two_heaps() -> None:
    assert heaps("each its own") > 2
    assert heaps("shared") == 2


_GIVE = """
import resource
from skunkqueue.web.memory import give_back

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()

# Each is too small to have been asked of the system on its own, and the last keeps the end of the heap in use.
several = [bytes(50_000) for _ in range(1_000)]
del several[:-1]
before = resident()
give_back()
print(before - resident())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is asked")
def test_memory_that_is_free_is_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", _GIVE], check=True, capture_output=True, text=True)

    assert int(done.stdout) > 40_000_000

"""Jobs that fork in a thread of theirs; copied into a project folder as ``forking.py``."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path
from queue import SimpleQueue
from threading import Thread

from skunkqueue import SkunkQueue, current_job

queue = SkunkQueue("shop")
HERE = Path(__file__).parent


def fork() -> str:
    """Fork in whatever thread this is called, and let the copy return like the original."""
    if os.fork() == 0:
        (HERE / f"copy-{current_job().id}").touch()
    return "forked"


def note_process() -> None:
    """Note in a file which process this is."""
    with (HERE / f"processes-{current_job().id}").open("a") as file:
        file.write(f"{os.getpid()} ")


@queue.job
async def to_thread() -> str:
    """Fork in a thread of the event loop, while two more calls wait for a thread."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    forked = asyncio.create_task(asyncio.to_thread(fork))
    await asyncio.gather(asyncio.to_thread(note_process), asyncio.to_thread(note_process))
    return await forked


@queue.job
async def own_thread() -> str:
    """Fork in a thread that hands its result to the event loop by itself, and then waits for more to do."""
    loop, calls = asyncio.get_running_loop(), SimpleQueue[Callable[[], str]]()
    answer: asyncio.Future[str] = loop.create_future()
    context = copy_context()

    def run() -> None:
        while True:
            found = context.run(calls.get())
            loop.call_soon_threadsafe(answer.set_result, found)

    Thread(target=run, daemon=True).start()
    calls.put(fork)
    return await answer


@queue.job
def pool() -> str:
    """Fork in a thread of a pool."""
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(copy_context().run, fork).result()


@queue.job
def thread() -> str:
    """Fork in a thread that ends."""
    forking = Thread(target=copy_context().run, args=(fork,))
    forking.start()
    forking.join()
    return "forked"


@queue.job
async def at_work() -> int:
    """Let a copy work, as ``multiprocessing`` does in a thread; the copy ends by itself."""

    def count() -> int:
        pid = os.fork()
        if pid == 0:
            with ThreadPoolExecutor(2) as threads:
                os._exit(sum(threads.map(int, "345")))
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    return await asyncio.to_thread(count)

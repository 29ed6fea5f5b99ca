"""SkunkQueue, on its MongoDB backend."""

from __future__ import annotations

from benchmarks.mongo.peer import Peer, url
from benchmarks.support import ROOT
from skunkqueue import SkunkQueue
from skunkqueue.records import State

# As the others do; by itself it leaves that to the server.
STORE = f"{url()}/?w=majority"
queue = SkunkQueue("bench", backend="mongodb", conn_url=STORE)


@queue.job(routes=["bench"])
def noop(number: int) -> int:
    """Return the argument."""
    return number


class Adapter(Peer):
    """SkunkQueue."""

    title = "SkunkQueue"
    distributions = ("skunkqueue", "skunkqueue-mongo", "pymongo")
    settings = "w=majority"
    pause = 0.05

    def worker(self) -> list[str]:
        """Start a pool of one."""
        where = ["-q", "bench", "-r", "bench", "--path", str(ROOT), "--url", STORE]
        return ["-m", "skunkqueue.cli", "work", *where, "-c", "1"]

    def fill(self, count: int) -> None:
        """Fire them all in one call."""
        queue.fire_many(noop(number) for number in range(count))

    def stored(self) -> int:
        """Tell how many firings are complete once none is left; counting before would keep the server from work."""
        for state in (State.PENDING, State.RUNNING):
            if queue.backend.page("bench", "bench", state, 1).records:
                return 0
        return sum(route.counts[State.COMPLETE] for route in queue.backend.routes("bench"))

    def close(self) -> None:
        """Close the store."""
        queue.close()

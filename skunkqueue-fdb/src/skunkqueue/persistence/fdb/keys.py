"""How things are named in the cluster: the one place that packs and unpacks keys.

All keys of a store begin with ``skunkqueue``, a zero byte, its dbname, and a zero byte. What follows, and what lies there:

================================================  ===================================================================
``V``                                             number of this layout: the store exists
``C``                                             the anchor of the store's clock: a version and its time
``q QUEUE``                                       the queue is paused
``Q PLACE``                                       ``Route``: pause of the route, priorities in use
``f ID``                                          a firing put in: ``Entry``; it never changes
``F UNIQUE``, and ``d`` below                     firings put in together: ``Batch`` of entries
``E ID``, ``I UNIQUE``                            the large body of a firing; the larger bodies of a batch
``x ID``                                          ``Attempt``: what happened to a firing since, where anything did
``K ID``                                          what its last attempt left for the next, where that is large
``p ID``                                          its last progress report
``z ID``                                          its result, where that is large
``r PLACE RANK DUE ID``                           the line: what may be claimed (or stays behind, see ``lines``)
``a WORKER PLACE RANK DUE ID``                    the same, for what one worker alone may claim
``A PLACE RANK DUE ID``                           worker for whom such a firing is
``l TOKEN``                                       ``Lease``: a claim. Its list of ids is the fence
``e PLACE END TOKEN``                             ends of leases, in order of time
``h WORKER TOKEN``                                leases of a worker
``k QUEUE KEY``                                   id of the live firing that has this idempotency key
``c PLACE JOB``                                   how many are in each state (``vectors.STATES``), added to atomically
``j PLACE``                                       names of jobs that are told apart on a route
``m PLACE MINUTE JOB 0``, ``... 1``               counters of a minute: what happened, histograms (``vectors``)
``G PLACE MINUTE``                                counters of ten minutes of all jobs together, and samples, rolled up
``M PLACE HOUR JOB 0``, ``... 1``                 the same of an hour and of each job, likewise
``T PLACE JOB 0``, ``... 1``                      the same of all time before the minutes that are left
``U PLACE``                                       until which minute ``G``, ``M`` and ``T`` have everything; alone: of all routes
``s PLACE MINUTE``, ``S PLACE HOUR``              samples of a minute until it is rolled up, of an hour
``s``                                             which routes have samples of the last minute
``o PLACE STATE FINISHED UNIQUE PART``            ``Ended``: firings that finished together, with results; a *chunk*
``O STATE FINISHED UNIQUE PART PLACE``            the same chunks over all routes; empty
``J JOB FINISHED STATE UNIQUE PART PLACE``        chunks that have firings of a job; empty
``i KIND TEXT FINISHED ID``                       finished firings by tag, key, type of error and parent: chunk
``t GONE STATE FINISHED UNIQUE PART PLACE``       chunks in the order in which they are pruned; empty
``d TABLE LEVEL PREFIX LAST POINTER``             directory of what is packed, by id: see ``packed``
``g PLACE``                                       a number that changes when something may be claimable
``y PLACE``                                       a number that changes when something has finished
``w WORKER``, ``n POOL``                          workers and pools: when the lease of each ends, and its record
``b MAILBOX STAMP``                               commands, in the order of their commits; STAMP is a versionstamp
``B MAILBOX``                                     a number that changes when a command comes
``L AT ID``, ``N ID``                             the audit log: entries in order of time (empty: a large one), and by id
``W QUEUE NAME``                                  schedules
``H QUEUE NAME RUN``                              the last runs of a schedule, by number
``v PROCESS SLOT``                                the last call of a thread that committed, see ``transactions``
``u UNIQUE``                                      a batch too large for one transaction that was accepted: parts, time
``D UNIQUE``, ``P UNIQUE PART``                   when such a batch was laid down, and its parts
================================================  ===================================================================

RUN is 8 bytes. PLACE is a queue and a route. Names are UTF-8 and end with a zero byte; a zero byte in a name is followed by 255. Ids are 24
digits. RANK is 9 minus priority, one digit. Times (DUE, END, FINISHED, GONE, AT) are floats whose bytes sort as they do. TOKEN and
UNIQUE are 8 bytes, PART is 2, MINUTE and HOUR (since the epoch) are 4, STATE is one letter. What is too large for one value goes on
under its key, a zero byte and a number (``blobs``).
"""

from __future__ import annotations

import struct
from functools import lru_cache

from skunkqueue.records import MAX_PRIORITY, State

LAYOUT = 1
MAX_ID = 100
"""Bytes of an id at most; a longer one is not known."""
LETTERS = {State.COMPLETE: b"c", State.ERROR: b"e", State.KILLED: b"k", State.EXPIRED: b"x"}
STATE_OF = {letter: state for state, letter in LETTERS.items()}
TAG, KEY, ERROR, PARENT = b"t", b"k", b"e", b"p"
"""KINDs of words by which finished firings are found."""
END = b"\xff"
"""Behind a prefix, it comes after all that begins with it: no key has this byte there."""

_DOUBLE = struct.Struct(">d")
_QUAD = struct.Struct(">Q")
_LONG = struct.Struct(">I")
_SHORT = struct.Struct(">H")
_SIGN = 1 << 63
_ALL = (1 << 64) - 1
_RANKS = tuple(b"%d" % (MAX_PRIORITY - priority) for priority in range(MAX_PRIORITY + 1))
CHUNK_TAIL = 19
"""Bytes of STATE, FINISHED, UNIQUE and PART."""
LINE_TAIL = 9
"""Bytes of RANK and DUE."""


@lru_cache(4096)
def name(text: str) -> bytes:
    """Pack a name."""
    return text.encode("utf-8", "surrogatepass").replace(b"\0", b"\0\xff") + b"\0"


@lru_cache(4096)
def place(queue: str, route: str) -> bytes:
    """Pack a queue and a route."""
    return name(queue) + name(route)


def names(packed: bytes, count: int) -> tuple[list[str], bytes]:
    """Read ``count`` names; return them and what follows."""
    found: list[str] = []
    at = 0
    for _ in range(count):
        end = packed.index(b"\0", at)
        while packed[end + 1 : end + 2] == END:
            end = packed.index(b"\0", end + 1)
        found.append(packed[at:end].replace(b"\0\xff", b"\0").decode("utf-8", "surrogatepass"))
        at = end + 1
    return found, packed[at:]


def moment(seconds: float) -> bytes:
    """Pack a time so that it sorts."""
    (bits,) = _QUAD.unpack(_DOUBLE.pack(seconds + 0.0))
    return _QUAD.pack(bits ^ _ALL if bits & _SIGN else bits | _SIGN)


def seconds(packed: bytes) -> float:
    """Read a time back, exactly."""
    (bits,) = _QUAD.unpack(packed)
    found: float = _DOUBLE.unpack(_QUAD.pack(bits ^ _SIGN if bits & _SIGN else bits ^ _ALL))[0]
    return found


number = _QUAD.pack
"""Pack a token."""
part = _SHORT.pack
"""Pack the number of a part."""
count = _LONG.pack
"""Pack a minute or an hour."""


def number_of(packed: bytes) -> int:
    """Read a token back."""
    found: int = _QUAD.unpack(packed)[0]
    return found


def count_of(packed: bytes) -> int:
    """Read a minute or an hour back."""
    found: int = _LONG.unpack(packed)[0]
    return found


def id_(text: str) -> bytes:
    """Pack an id."""
    return text.encode("utf-8", "surrogatepass")


def rank(priority: int) -> bytes:
    """Pack a priority."""
    return _RANKS[priority]


def priority(packed: bytes) -> int:
    """Read a priority back."""
    return MAX_PRIORITY - int(packed)


class Keys:
    """The keys of one store."""

    def __init__(self, dbname: str) -> None:
        self.prefix = prefix = b"skunkqueue\0" + name(dbname)
        self.layout = prefix + b"V"
        self.clock = prefix + b"C"
        for table, letter in _TABLES.items():
            setattr(self, table, prefix + letter)

    # Each is the beginning of all keys of a table; ``_TABLES`` has the letters.
    queue: bytes
    route: bytes
    firing: bytes
    batch: bytes
    body: bytes
    bodies: bytes
    attempt: bytes
    attempt_state: bytes
    progress: bytes
    result: bytes
    line: bytes
    targeted: bytes
    target: bytes
    lease: bytes
    lease_end: bytes
    holder: bytes
    key: bytes
    counts: bytes
    jobs: bytes
    minute: bytes
    minutes: bytes
    hour: bytes
    total: bytes
    rolled: bytes
    sample: bytes
    hour_sample: bytes
    chunk: bytes
    by_state: bytes
    by_job: bytes
    word: bytes
    gone: bytes
    directory: bytes
    wakeup: bytes
    settled: bytes
    worker: bytes
    pool: bytes
    mail: bytes
    mailbox: bytes
    audit: bytes
    audit_id: bytes
    schedule: bytes
    history: bytes
    marker: bytes
    staged: bytes
    laid: bytes
    laid_part: bytes

    def line_of(self, at: bytes, priority: int, due: float, id_: str, target: str | None = None) -> bytes:
        """Return the key of a firing in line; ``at`` is its place."""
        tail = at + _RANKS[priority] + moment(due) + id_.encode()
        return self.line + tail if target is None else self.targeted + name(target) + tail

    def end_of(self, at: bytes, ends: float, token: int) -> bytes:
        """Return the key of the end of a lease."""
        return self.lease_end + at + moment(ends) + _QUAD.pack(token)


_TABLES = {
    "queue": b"q",
    "route": b"Q",
    "firing": b"f",
    "batch": b"F",
    "body": b"E",
    "bodies": b"I",
    "attempt": b"x",
    "attempt_state": b"K",
    "progress": b"p",
    "result": b"z",
    "line": b"r",
    "targeted": b"a",
    "target": b"A",
    "lease": b"l",
    "lease_end": b"e",
    "holder": b"h",
    "key": b"k",
    "counts": b"c",
    "jobs": b"j",
    "minute": b"m",
    "minutes": b"G",
    "hour": b"M",
    "total": b"T",
    "rolled": b"U",
    "sample": b"s",
    "hour_sample": b"S",
    "chunk": b"o",
    "by_state": b"O",
    "by_job": b"J",
    "word": b"i",
    "gone": b"t",
    "directory": b"d",
    "wakeup": b"g",
    "settled": b"y",
    "worker": b"w",
    "pool": b"n",
    "mail": b"b",
    "mailbox": b"B",
    "audit": b"L",
    "audit_id": b"N",
    "schedule": b"W",
    "history": b"H",
    "marker": b"v",
    "staged": b"u",
    "laid": b"D",
    "laid_part": b"P",
}


class Chunk:
    """Where firings lie that finished together: the place, and STATE, FINISHED, UNIQUE and PART."""

    __slots__ = ("at", "tail")

    def __init__(self, at: bytes, tail: bytes) -> None:
        self.at = at
        self.tail = tail

    @classmethod
    def made(cls, at: bytes, state: State, finished: float, unique: bytes, number: int) -> Chunk:
        """Name a new one."""
        return cls(at, LETTERS[state] + moment(finished) + unique + _SHORT.pack(number))

    @classmethod
    def of_pointer(cls, pointer: bytes) -> Chunk:
        """Read what a directory or ``word`` points to."""
        return cls(pointer[:-CHUNK_TAIL], pointer[-CHUNK_TAIL:])

    @classmethod
    def of_tail_first(cls, packed: bytes) -> Chunk:
        """Read the end of a key of ``by_state`` or ``gone``."""
        return cls(packed[CHUNK_TAIL:], packed[:CHUNK_TAIL])

    @property
    def pointer(self) -> bytes:
        """What follows the table's prefix in its key."""
        return self.at + self.tail

    @property
    def state(self) -> State:
        """State of all firings in it."""
        return STATE_OF[self.tail[:1]]

    @property
    def finished(self) -> float:
        """When all of them finished."""
        return seconds(self.tail[1:9])

    @property
    def queue_and_route(self) -> tuple[str, str]:
        """Names of the place."""
        (queue, route), _ = names(self.at, 2)
        return queue, route

    def by_state(self, keys: Keys) -> bytes:
        """Return its key over all routes."""
        return keys.by_state + self.tail + self.at

    def by_job(self, keys: Keys, job: str) -> bytes:
        """Return its key among the chunks of a job."""
        tail = self.tail
        return keys.by_job + name(job) + tail[1:9] + tail[:1] + tail[9:] + self.at

    def gone(self, keys: Keys, at: float) -> bytes:
        """Return its key in the order of pruning."""
        return keys.gone + moment(at) + self.tail + self.at

"""Keys: how things are named in the server.

Every key of a store begins with one hash tag, ``{dbname}:``, so that all of them lie in one slot of a
cluster and one script may change them together. The rest of each key, and what is stored there:

========================  =========  =======================================================
``f:BUCKET``              hash       what was put in, by id; a bucket is 4 s of ids
``x:ID``                  hash       what happened to one firing since (most firings have none)
``d:BUCKET``              hash       how finished ones ended, by id
``b``                     zset       the buckets
``r:PLACE:RANK``          zset       the line: ids (and flags) by due time; rank is 9 - priority
``a:PLACE:RANK:WORKER``   zset       the same for what one worker alone may claim
``q:PLACE``               hash       a route: counts, pause, ranks in use
``e:PLACE``               zset       leases by their end
``l:TOKEN``               hash       one lease: its ids, and under ``''`` who holds it
``h:WORKER``              set        the leases of a worker
``k:QUEUE``               hash       idempotency keys in use
``c``, ``n:PLACE:STATE``  hash,zset  chunks of firings that finished together, by that time
``nj:PLACE:STATE:JOB``    zset       the same of one job
``i:t:TAG``, ``i:k:KEY``  zset       finished ones that have a tag or key, by that time; ``i:e:TYPE`` an error;
                                     ``i:p:ID`` a parent
``j:PLACE``, ``js:PLACE`` hash,set   how many of each job came, ended and left; the jobs told apart
``gone``                  zset       the same by the end of their ttl
``hollow``                zset       ids removed just now, still known in ``f`` for 150 s
``s:PLACE:MINUTE``        hash       counters and samples, until the minute is packed; ``sz:PLACE`` lists them
``sp:PLACE:MINUTE``       list       counters of batches of many jobs, not added up yet
``sm:PLACE:HOUR``         hash       packed minutes of an hour; ``sj:PLACE:HOUR`` by job
``hs:PLACE:DAY``          hash       packed hours of a day; ``hj:PLACE:DAY`` by job
``to:PLACE``, ``sampled`` ...        what was ever counted, by job; the last minute that has samples; ``sampling``
``w``, ``wz``, ``m:W``    ...        workers, how long they are listed, their mail; ``p``, ``pz`` pools
``az``, ``ae``            zset,hash  the audit log; ``ad``, ``ah``, ``ao``: what an entry did, when heard, when done
``z:NAME``, ``zh:NAME``   hash,list  schedules and their history; ``zs`` lists them
``g:PLACE``, ``mb:W``     list       wake-ups
``y``, ``yn``, ``y:W``    zset,list  those who wait for results, and what they are told; ``yi`` who waits for an id, ``yl`` for which ids,
                                     ``ya`` those who wait for many and are told of all
``did:SLOT``              string     the reply to a thread's last call, in case it is lost; kept 2 minutes
========================  =========  =======================================================
"""

from __future__ import annotations

from functools import lru_cache

BUCKET = 9
"""Digits of an id that name its bucket: all but the last three of its milliseconds."""


@lru_cache(1024)
def quote(name: str) -> str:
    """Make a name safe to join with others by colons."""
    return name.replace("%", "%25").replace(":", "%3A").replace("\n", "%0A")


def unquote(name: str) -> str:
    """Undo ``quote``."""
    return name.replace("%0A", "\n").replace("%3A", ":").replace("%25", "%")


@lru_cache(1024)
def place_of(queue: str, route: str) -> str:
    """Name a route of a queue, or a schedule of one."""
    return f"{quote(queue)}:{quote(route)}"


def names_in(place: str) -> tuple[str, str]:
    """Undo ``place_of``."""
    queue, _, route = place.partition(":")
    return unquote(queue), unquote(route)

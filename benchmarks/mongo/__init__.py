"""SkunkQueue on MongoDB: beside a bare pymongo loop and the queues that run on it, at size, and idle.

How it is done:

- Two servers with default settings and journals, a standalone and a replica set of one node, each in an empty
  folder on the disk that holds ``TMPDIR``. Where that is a RAM disk the figures say nothing.
- ``drain``: contestants take turns within each round, each in a process of its own on an emptied server; medians
  are shown. Queues: a warm worker is frozen (SIGSTOP), the firings are put in, it is thawed, and the clock runs
  from there until the server holds all results. The bare loop times itself, and loses nothing to a watcher.
- ``fire``: ours and bare inserts alternate in one process, with the same write concern; medians of the ratios of neighbours.
- ``scale``: three stores on one server, measured in turn, claim by claim.
- ``latency`` and ``idle``: ours alone, on both kinds of server.

Where contestants are compared everybody writes with ``w: majority``: ours and the bare loop ask for it, for the others it is
the server's default on a replica set. ``fire`` is compared with ``w: 1`` and with ``w: majority``.
"""

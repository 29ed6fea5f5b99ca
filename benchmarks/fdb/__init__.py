"""SkunkQueue on FoundationDB: beside bare loops on the binding, at size, idle, and with many workers on one route.

How it is done:

- Servers of one process each, one with the memory engine and one with ssd, in an empty folder on the disk that holds ``TMPDIR``.
  Where that is a RAM disk the figures of ssd say nothing. ``fdbserver`` and ``fdbcli`` must be on the PATH.
- Ours and the bare loops take turns within a round, and what is held against a bar is the median of the ratios of rounds.
- ``drain``: a warm worker is frozen (SIGSTOP), the firings are put in, it is thawed, and the clock runs from there until all are
  settled. The bare loops time themselves, each in a process of its own. Processor time is told beside the rates.
- ``scale``: three stores on one server, measured in turn, claim by claim.
"""

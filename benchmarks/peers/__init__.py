"""SkunkQueue beside other Python job queues, on one server, in one run, interleaved.

How it is done, the same for all:

- Every measurement is a process of its own (``measure``), on an emptied server, while one busy loop a core at
  idle priority keeps the cores awake. Peers take turns within each of three rounds; medians are shown.
- A worker is warm before anything is measured: each of its processes has run a job.
- Draining: the warm worker is frozen (SIGSTOP to all its processes), the jobs are fired, it is thawed, and the
  clock runs from there until the server holds all results. So neither start-up nor firing counts.
- Idle and SIGKILL measurements mostly wait, so all peers wait at the same time, each on a server of its own.
"""

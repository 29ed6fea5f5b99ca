"""The process that runs jobs. The way of a firing: ``fetch``, ``run``, ``judge``, ``complete``, over and over in ``loop``.

Nothing is imported here, so that a worker process loads only what it needs. Imports nothing of ``skunkqueue.pool``, which starts it.
"""

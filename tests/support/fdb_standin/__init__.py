"""A small stand-in for FoundationDB: a server process in pure Python, and a client of the binding's shape.

For machines without a FoundationDB server, and for faults that a real one shows only now and then. It keeps what
transactions promise (read versions, conflicts, versionstamps, watches, limits) and nothing of the rest: its data
is in memory, and gone with its process. Knows no queue.
"""

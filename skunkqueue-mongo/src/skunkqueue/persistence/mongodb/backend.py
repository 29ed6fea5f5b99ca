"""The MongoDB backend: all verbs together."""

from __future__ import annotations

from skunkqueue.persistence.mongodb.listings import Listings
from skunkqueue.persistence.mongodb.scheduling import Scheduling


class MongoBackend(Scheduling, Listings):
    """A store in a MongoDB database, for any number of processes on any number of machines.

    What it accepted survives what the write concern says (the URL's, or else the server's own).
    """

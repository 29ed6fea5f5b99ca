"""Mailboxes of workers and pools: commands in the order in which they were sent."""

from __future__ import annotations

from skunkqueue.ids import new_id
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.persistence.mongodb.store import Store
from skunkqueue.records import Command


def listen(store: Store, worker: str, timeout: float) -> list[Command]:
    """Block until commands arrive; see ``Backend.listen``."""
    if timeout <= 0 or store.time.is_virtual:
        found = _take(store, worker)
        if not found and timeout > 0:
            store.clock.wait(store.closed, timeout)
            found = _take(store, worker)
        return found
    with store.wakeups.waiter([f"@{worker}"], timeout=timeout) as waiter:
        return store.wakeups.wait_until(waiter, lambda: _take(store, worker), timeout)


def _take(store: Store, worker: str) -> list[Command]:
    """Take commands out of a mailbox."""
    mine = {"worker": worker}
    found = store.find(store.commands, mine, sort=[("_id", 1)], limit=100)
    if found:
        # Removed only after they have arrived, so that no command is lost with a reply.
        doomed = {"_id": {"$in": [one["_id"] for one in found]}}
        store.run(store.commands.delete_many, doomed)
    return [
        Command(verb=one["verb"], firing=one.get("firing"), worker=one.get("of"), id=one.get("entry"))
        for one in found
    ]


def send(store: Store, worker: str, command: Command) -> bool:
    """Put a command into the mailbox of a live worker or pool; return whether it is live."""
    alive = {"_id": worker, "until": {"$gt": store.time.about_now()}}
    listed = (store.run(who.find_one, alive, {"_id": True}) for who in (store.workers, store.pools))
    if not any(found is not None for found in listed):
        return False
    _post(store, worker, command)
    return True


def drop_orphans(store: Store, limit: int) -> int:
    """Remove commands to workers and pools that are not listed; return how many.

    A command may come into a mailbox just after that was removed.
    """
    named: list[str] = store.run(store.commands.distinct, "worker")
    if not named:
        return 0
    mine = {"_id": {"$in": named}}
    listed = {
        one["_id"] for who in (store.workers, store.pools) for one in store.find(who, mine, {"_id": True})
    }
    unlisted = [name for name in named if name not in listed]
    found = store.find(store.commands, {"worker": {"$in": unlisted}}, {"_id": True}, limit=limit)
    # By their ids: one of these workers may be listed again by now, and get others.
    return store.remove(store.commands, {"_id": {"$in": [one["_id"] for one in found]}}) if found else 0


def _post(store: Store, worker: str, command: Command) -> None:
    """Put a command into a mailbox."""
    # Ids sort by the time at which they were made, so commands come in the order in which they were sent.
    id_ = new_id()
    letter: Document = {"worker": worker, "verb": command.verb}
    if command.firing is not None:
        letter["firing"] = command.firing
    if command.worker is not None:
        letter["of"] = command.worker
    if command.id is not None:
        letter["entry"] = command.id
    store.run(store.commands.update_one, {"_id": id_}, {"$setOnInsert": letter}, upsert=True)
    store.wakeups.send([f"@{worker}"])

"""Results: what became of firings, without their bodies."""

from __future__ import annotations

from collections.abc import Sequence

from skunkqueue.listings import Result, Tried
from skunkqueue.persistence.mongodb.documents import KNOWN, began_of
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.persistence.mongodb.store import Store
from skunkqueue.records import State

# A condition that leaves the last four out where there is a result takes longer than reading them.
_SHOWN = dict.fromkeys(("state", "result", "error", "expires", "job", "began", "evidence", "carry"), True)


def results(store: Store, ids: Sequence[str]) -> list[Result | None]:
    """Read what became of firings; see ``Backend.results``."""
    wanted = list(ids)
    if not wanted:
        return []
    found = store.find(store.firings, {"_id": {"$in": wanted}, **KNOWN}, _SHOWN, hint="_id_")
    results = {one["_id"]: _result(one) for one in found}
    return [results.get(id_) for id_ in wanted]


def _result(document: Document) -> Result:
    state, get = State(document["state"]), document.get
    tried = None
    if state.final and state is not State.COMPLETE:
        tried = Tried(
            job=get("job", ""),
            began=began_of(document),
            evidence=document["evidence"],
            attempt_state=get("carry"),
        )
    return Result(
        id=document["_id"],
        state=state,
        result=get("result") if state.final else None,
        error=get("error"),
        expires=get("expires") if state is State.PENDING else None,
        tried=tried,
    )

"""Labels: by what people find a firing. They are a JSON text in the stored firing."""

from __future__ import annotations

from functools import lru_cache

import msgspec

from skunkqueue.persistence.redis.wire import damaged


class Labels(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What people find a firing by."""

    job: str = ""
    tags: tuple[str, ...] = ()
    schedule: str | None = None
    parent: str | None = None


NO_LABELS = Labels()
_decode = msgspec.json.Decoder(Labels).decode


@lru_cache(1024)
def label(job: str, tags: tuple[str, ...], schedule: str | None, parent: str | None) -> str:
    """Write labels as text, without those that are missing at the end.

    The text stands where the first format had the empty evidence of a new firing. A worker of the version before ignores it
    there, as it reads no evidence of a firing without deaths.
    """
    parts = [job, tags, schedule, parent]
    while parts and not parts[-1]:
        parts.pop()
    return msgspec.json.encode(parts).decode() if parts else ""


@lru_cache(1024)
def labels_of(text: str) -> Labels:
    """Read labels. Raises BackendDamagedError for any other text."""
    if not text:
        return NO_LABELS
    try:
        return _decode(text)
    except msgspec.MsgspecError as error:
        raise damaged(error) from error


def texts_of(
    job: str | None, tag: str | None, schedule: str | None = None, parent: str | None = None
) -> list[str]:
    """Return texts that are in every stored firing with these labels, as ``label`` writes them."""
    texts = ["[" + msgspec.json.encode(job).decode()] if job else []
    return texts + [msgspec.json.encode(one).decode() for one in (tag, schedule, parent) if one is not None]

"""What goes over the wire: requests and replies as MessagePack, and bytes beside a request.

Whole batches are encoded and decoded at once, by one call into C. Knows no verb.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from skunkqueue.errors import BackendDamagedError

encode = msgspec.msgpack.Encoder().encode
NOTHING = b"\xc0"
"""The reply of a script that has nothing to say."""
T = TypeVar("T")


def damaged(error: msgspec.MsgspecError) -> BackendDamagedError:
    """Make the error for what cannot be decoded; the caller raises it ``from`` the original."""
    return BackendDamagedError(
        f"the store holds a value that SkunkQueue did not write ({error}): give it a dbname of its own"
    )


def reader(kind: type[T]) -> Callable[[bytes], T]:
    """Make a function that decodes replies of one kind. It raises BackendDamagedError for anything else."""
    decode = msgspec.msgpack.Decoder(kind).decode

    def read(reply: bytes) -> T:
        try:
            return decode(reply)
        except msgspec.MsgspecError as error:
            raise damaged(error) from error

    return read


as_ids = reader(list[str])
as_count = reader(int)
as_number = reader(float)
as_answer = reader(bool)
as_states = reader(list[str | bool])
"""A state for each firing; false where it is unknown."""


class Blobs(list[bytes]):
    """Bytes that go beside a request, as arguments of their own, which the request names by their numbers."""

    def put(self, blob: bytes) -> int:
        """Add one; return its number."""
        self.append(blob)
        return len(self) + 1

    def maybe(self, blob: bytes | None) -> int | bool:
        """Add one if there is one; return its number or false, as a list in Lua cannot hold nil."""
        return False if blob is None else self.put(blob)


def or_false(value: float | None) -> float | bool:
    """Return the number, or false for ``None``, as a list in Lua cannot hold nil."""
    return False if value is None else float(value)


def token(number: int) -> str:
    """Write a fencing token as the server writes it in names, without an exponent."""
    return str(number)

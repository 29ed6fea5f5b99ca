"""Values of a closed list of types, kept exactly: what comes back equals what went in, type by type.

MessagePack carries None, bool, int of 64 bits, float, str, bytes, list and dict with str keys as they
are; every other type is an extension of ours (``extensions``). Reading never runs code of the user's: a
dataclass is filled field by field without calling it, and an Enum member is looked up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from skunkqueue.errors import DamagedPayloadError, JobNotFoundError, PayloadError, UnsupportedTypeError
from skunkqueue.imports import Gate
from skunkqueue.serializers import Serializer
from skunkqueue.serializers.classes import RefusedError
from skunkqueue.serializers.packing import ATOMS, encode, pack
from skunkqueue.serializers.unpacking import decoder

_PLAIN = ATOMS | {int}
_NO_KWARGS: dict[str, Any] = {}
_MAX_TRAIL = 10


class TypedSerializer(Serializer):
    """The default format."""

    def __init__(self) -> None:
        self._decoders: dict[int, tuple[Gate | None, msgspec.msgpack.Decoder[Any]]] = {}

    def dumps(self, value: Any, what: str) -> bytes:
        """Encode; UnsupportedTypeError names the place, the type and the way out."""
        try:
            try:
                return encode(value if type(value) in ATOMS else pack(value, 0))
            except UnicodeEncodeError:
                return encode(pack(value, 0, careful=True))
        except RefusedError as error:
            trail = error.trail[::-1]
            place = what + "".join(trail if len(trail) <= _MAX_TRAIL else [*trail[:_MAX_TRAIL], "..."])
            msg = (
                f"{place} {error.reason}; convert it first, or use serializer='pickle' (signed) for this job"
            )
            raise UnsupportedTypeError(msg) from None

    def dumps_call(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any], attrs: Mapping[str, Any] | None
    ) -> bytes:
        """Encode the arguments of a call; in one go where they are plain values."""
        if attrs is None and not kwargs and _PLAIN.issuperset(map(type, args)):
            try:
                return encode((args, _NO_KWARGS, None))
            except (OverflowError, UnicodeEncodeError):
                pass  # a large int or a lone surrogate: the thorough way knows them
        return super().dumps_call(args, kwargs, attrs)

    def loads(self, data: bytes, gate: Gate | None) -> Any:
        """Decode; DamagedPayloadError for bytes that are not ours."""
        known = self._decoders.get(id(gate))
        if known is None:
            known = (gate, decoder(gate))
            self._decoders[id(gate)] = known
        try:
            return known[1].decode(data)
        except PayloadError:
            raise
        except JobNotFoundError as error:
            msg = f"a stored value is of a class that cannot be found: {error}"
            raise DamagedPayloadError(msg) from error
        # Whatever hand-made bytes provoke in a constructor is damage, and must not stop a worker.
        except (Exception, RecursionError) as error:
            msg = f"stored arguments or results of {len(data)} bytes are damaged: {type(error).__name__}: {error}"
            raise DamagedPayloadError(msg) from error

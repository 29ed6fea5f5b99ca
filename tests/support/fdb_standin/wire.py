"""How a client and a server of the stand-in talk: four bytes of length, then MessagePack."""

from __future__ import annotations

from typing import Any

import msgspec

HEAD = 4
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder()


def framed(message: Any) -> bytes:
    """Make the bytes of one message."""
    body = _encoder.encode(message)
    return len(body).to_bytes(HEAD, "big") + body


class Frames:
    """What has come in so far of a stream of messages."""

    def __init__(self) -> None:
        self._left = bytearray()

    def feed(self, data: bytes) -> list[Any]:
        """Take what has come; give the messages that are whole now."""
        self._left += data
        found = []
        while len(self._left) >= HEAD:
            end = HEAD + int.from_bytes(self._left[:HEAD], "big")
            if len(self._left) < end:
                break
            found.append(_decoder.decode(bytes(self._left[HEAD:end])))
            del self._left[:end]
        return found

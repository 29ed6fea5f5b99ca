"""Pickle, signed, and only where a job asks for it.

Unpickling can run any code, so bytes without our signature are never unpickled. The signature is HMAC-SHA256
(RFC 2104) with the secret from ``SKUNKQUEUE_SECRET``. Several secrets, separated by commas, let one replace
another: the first signs, and all of them are accepted.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import pickle
from typing import Any

from skunkqueue.errors import ConfigError, DamagedPayloadError, SignatureError, UnsupportedTypeError
from skunkqueue.imports import Gate
from skunkqueue.serializers import Serializer

ENV_SECRET = "SKUNKQUEUE_SECRET"  # noqa: S105 - the name of a variable, not a secret
_SIZE = hashlib.sha256().digest_size
_MIN_SECRET = 16


class PickleSerializer(Serializer):
    """Signed pickles."""

    def dumps(self, value: Any, what: str) -> bytes:
        """Encode and sign."""
        try:
            data = pickle.dumps(value, protocol=4)
        # pickle raises what the value's own methods raise: AttributeError, TypeError, anything.
        except Exception as error:
            msg = f"{what} cannot be pickled: {error}; give something that can, such as an id"
            raise UnsupportedTypeError(msg) from error
        return _sign(_secrets()[0], data) + data

    def loads(self, data: bytes, gate: Gate | None) -> Any:
        """Check the signature, then decode; without a gate nothing is unpickled."""
        signature, pickled = data[:_SIZE], data[_SIZE:]
        if gate is None:
            return f"<{len(pickled)} bytes of pickle>"
        if not any(hmac.compare_digest(signature, _sign(secret, pickled)) for secret in _secrets()):
            msg = (
                f"a pickled payload of {len(data)} bytes was not signed with this process's {ENV_SECRET}: "
                f"set the same secret for all producers and workers"
            )
            raise SignatureError(msg)
        try:
            return pickle.loads(pickled)  # noqa: S301 - it carries our signature
        # As above: unpickling runs the classes' own code.
        except Exception as error:
            msg = (
                f"a signed pickle cannot be read: {type(error).__name__}: {error}; deploy the same code here"
            )
            raise DamagedPayloadError(msg) from error


def _sign(secret: bytes, data: bytes) -> bytes:
    return hmac.new(secret, data, hashlib.sha256).digest()


def _secrets() -> list[bytes]:
    found = [part.strip().encode() for part in os.environ.get(ENV_SECRET, "").split(",") if part.strip()]
    if not found:
        msg = f"serializer='pickle' needs a secret in the environment variable {ENV_SECRET}: set one of 16 bytes or more"
        raise ConfigError(msg)
    short = [secret for secret in found if len(secret) < _MIN_SECRET]
    if short:
        msg = f"a secret in {ENV_SECRET} has {len(short[0])} bytes: use at least {_MIN_SECRET}"
        raise ConfigError(msg)
    return found

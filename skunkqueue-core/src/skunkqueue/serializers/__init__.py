"""How arguments and results become bytes. The format is picked by name, in a job's policy.

``typed`` (the default) keeps a closed list of types exactly; ``pickle`` keeps what pickle can, signed
with a secret. Others come in through the entry-point group ``skunkqueue.serializers``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cache
from typing import Any

from skunkqueue.errors import PluginError
from skunkqueue.imports import Gate
from skunkqueue.plugins import SERIALIZERS, registry

DEFAULT_SERIALIZER = "typed"


class Serializer(ABC):
    """Turns one value into bytes and back, exactly or not at all."""

    @abstractmethod
    def dumps(self, value: Any, what: str) -> bytes:
        """Encode; ``what`` names the value in errors. Raises PayloadError."""

    @abstractmethod
    def loads(self, data: bytes, gate: Gate | None) -> Any:
        """Decode; classes are found through ``gate`` only. Raises PayloadError.

        Without a gate nothing is imported: values of classes become ``Opaque``, for people to look at.
        """

    def dumps_call(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any], attrs: Mapping[str, Any] | None
    ) -> bytes:
        """Encode the arguments of a call, as the list that ``loads`` gives back."""
        return self.dumps([list(args), dict(kwargs), None if attrs is None else dict(attrs)], "the arguments")


@cache
def get_serializer(name: str) -> Serializer:
    """Find a serializer by name and make it, once for the process; PluginError where it is not installed."""
    # A stored body names its serializer, so only registered names count, never an import path.
    if ":" in name:
        msg = f"{name!r} is not the name of an installed serializer"
        raise PluginError(msg)
    found: Any = registry.find(SERIALIZERS, name)
    made: Serializer = found()
    return made

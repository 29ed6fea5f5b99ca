"""Pickle is signed, and refused without a secret."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from skunkqueue.errors import ConfigError, PayloadError, SignatureError, UnsupportedTypeError
from skunkqueue.imports import Gate
from skunkqueue.serializers import get_serializer

GATE = Gate()
PICKLE = get_serializer("pickle")
OLD, NEW = "an old secret of enough bytes", "a new secret of enough bytes"


class Bomb:
    def __reduce__(self) -> Any:
        return (pytest.fail, ("unpickled",))


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKUNKQUEUE_SECRET", OLD)


def test_what_pickle_keeps_comes_back() -> None:
    value = {"a": range(3), "b": 1j}

    assert PICKLE.loads(PICKLE.dumps(value, "it"), GATE) == value


def test_unsigned_bytes_are_never_unpickled() -> None:
    with pytest.raises(SignatureError, match="SKUNKQUEUE_SECRET"):
        PICKLE.loads(b"\0" * 32 + pickle.dumps(Bomb()), GATE)


def test_signed_bytes_are_not_unpickled_just_to_be_looked_at() -> None:
    assert "bytes of pickle" in PICKLE.loads(PICKLE.dumps(Bomb(), "it"), None)


def test_one_changed_byte_breaks_the_signature() -> None:
    data = bytearray(PICKLE.dumps([1, 2], "it"))
    data[-2] ^= 1

    with pytest.raises(SignatureError):
        PICKLE.loads(bytes(data), GATE)


def test_a_secret_can_be_replaced_by_another(monkeypatch: pytest.MonkeyPatch) -> None:
    signed_before = PICKLE.dumps(1, "it")
    monkeypatch.setenv("SKUNKQUEUE_SECRET", f"{NEW}, {OLD}")
    signed_during = PICKLE.dumps(2, "it")

    assert PICKLE.loads(signed_before, GATE) == 1
    monkeypatch.setenv("SKUNKQUEUE_SECRET", NEW)
    assert PICKLE.loads(signed_during, GATE) == 2
    with pytest.raises(SignatureError):
        PICKLE.loads(signed_before, GATE)


@pytest.mark.parametrize("value", ["", " , ", "short"])
def test_without_a_good_secret_nothing_is_pickled(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SKUNKQUEUE_SECRET", value)

    with pytest.raises(ConfigError, match="SKUNKQUEUE_SECRET"):
        PICKLE.dumps(1, "it")


def test_what_cannot_be_pickled_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedTypeError, match="argument 1"):
        PICKLE.dumps(lambda: 1, "argument 1")


def test_a_signed_pickle_of_code_that_is_gone_is_a_payload_error() -> None:
    data = PICKLE.dumps(Bomb(), "it")

    # pytest.fail raises outside of Exception, so the signature was good and the bytes were read.
    with pytest.raises((PayloadError, pytest.fail.Exception)):
        PICKLE.loads(data, GATE)

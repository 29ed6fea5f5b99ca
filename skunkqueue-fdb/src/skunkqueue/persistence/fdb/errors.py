"""Translating FoundationDB's errors, by their numbers, into ours, which name the place, the problem and the way out."""

from __future__ import annotations

import msgspec

from skunkqueue.errors import (
    BackendError,
    BackendFullError,
    BackendLoginError,
    BackendUnavailableError,
    ConfigError,
    SkunkQueueError,
)

TOO_OLD, FUTURE, NOT_COMMITTED, UNKNOWN = 1007, 1009, 1020, 1021
_LOCKED = 1038
CANCELLED, TIMED_OUT, TOO_MANY_WATCHES, OPERATION_CANCELLED = 1025, 1031, 1032, 1101
_TRANSACTION_TOO_LARGE = 2101
AGAIN = frozenset(
    {
        TOO_OLD,
        FUTURE,
        NOT_COMMITTED,
        UNKNOWN,
        TIMED_OUT,
        1037,
        _LOCKED,
        1039,
        1042,
        1051,
        1078,
        1213,
        1223,
        1235,
    }
)
"""After these the same may work: a conflict, a recovery, a cluster that is busy or away."""
CLOSED = frozenset({CANCELLED, OPERATION_CANCELLED})
_CLUSTER_FILE = frozenset({1509, 1510, 1511, 1513, 1514, 1515, 1516, 2104, 2105})
_TLS = frozenset(range(1950, 1960)) | {2300}
_FULL = frozenset({1217, 2015})
_TOO_LARGE = {2101: "transaction", 2102: "key", 2103: "value"}


class TransactionTooLargeError(BackendError):
    """What one transaction was to write is more than FoundationDB takes: less at once may do."""


def code_of(error: BaseException) -> int:
    """Return the number of a binding's error."""
    code = getattr(error, "code", 0)
    return code if isinstance(code, int) else 0


def told(error: BaseException) -> str:
    """Return its text, which a broken library may not have."""
    description = getattr(error, "description", None)
    if isinstance(description, bytes):
        description = description.decode(errors="replace")
    return f"{description or error} ({code_of(error)})"


class _Connection(msgspec.Struct, rename="pascal"):
    """One of the client's connections, as it tells of them."""

    address: str = ""
    status: str = ""
    compatible: bool = True


class _Status(msgspec.Struct, rename="pascal"):
    connections: tuple[_Connection, ...] = ()


def reached(status: bytes) -> str:
    """Say whom the client does not reach, from what it tells of itself; empty where it reaches all."""
    try:
        found = msgspec.json.decode(status, type=_Status).connections
    except msgspec.MsgspecError:
        return ""
    strange = [one.address for one in found if not one.compatible]
    away = [one.address for one in found if one.compatible and one.status != "connected"]
    said = ""
    if strange:
        said += f" {', '.join(strange)} speaks another version of the protocol: install the client library of the servers' release."
    if away:
        said += f" {', '.join(away)} is not reached."
    return said


def explained(
    place: str, error: BaseException, seconds: float | None = None, reached: str = ""
) -> SkunkQueueError:
    """Return the error to raise. ``seconds``: it was tried for so long; ``reached``: whom the client does not reach."""
    code, text = code_of(error), told(error)
    after = "" if seconds is None else f" after {seconds:.1f} s"
    kind: type[SkunkQueueError] = BackendError
    if code in _CLUSTER_FILE:
        kind = ConfigError
        text = (
            f"the cluster file cannot be used: {text}. Name one that this user can read and whose content is"
            f" DESCRIPTION:ID@HOST:PORT, as in fdb:///etc/foundationdb/fdb.cluster"
        )
    elif code in _TLS:
        kind = BackendLoginError
        text = f"{text}: look at tls_certificate_file, tls_key_file and tls_ca_file"
    elif code in _TOO_LARGE:
        kind = TransactionTooLargeError if code == _TRANSACTION_TOO_LARGE else BackendError
        text = (
            f"a {_TOO_LARGE[code]} is larger than FoundationDB allows ({text}): hand in less at once, or smaller arguments"
            f" and results"
        )
    elif code in _FULL:
        kind = BackendFullError
        text = f"the cluster has no room left: {text}"
    elif code == NOT_COMMITTED:
        kind = BackendUnavailableError
        text = (
            f"other transactions wrote the same keys again and again{after}: try again, or set the option retry_for to more"
            f" seconds"
        )
    elif code == _LOCKED:
        kind = BackendUnavailableError
        text = (
            f"the database is locked{after}, by a restore, by a switch to another cluster or by somebody's `lock`: {text}. Once nothing"
            f" needs the lock, end it by `unlock UID` in `fdbcli`, which asks back; `status json` tells the UID (cluster.database_lock_state.lock_uid)"
        )
    elif code in AGAIN:
        kind = BackendUnavailableError
        text = (
            f"the cluster does not answer{after}: {text}.{reached} Look at `fdbcli --exec status`; the client library must be of the"
            f" servers' version, the description and the ID of the cluster file must be the servers', and both must use TLS or neither; with TLS,"
            f" each side's certificate must be of an authority that the other one trusts (tls_certificate_file, tls_key_file, tls_ca_file),"
            f" and as its rule wants it (tls_verify_peers)"
        )
    return kind(f"{place}: {text}")

"""Translating pymongo's errors into ours, which name the place, the problem and the way out."""

from __future__ import annotations

from bson.errors import BSONError
from pymongo import errors as theirs

from skunkqueue.errors import (
    BackendDamagedError,
    BackendError,
    BackendFullError,
    BackendLoginError,
    BackendUnavailableError,
)

NO_RIGHT = 13
BAD_LOGIN = 18
DUPLICATE = 11000
_PASSING_CODES = frozenset(
    {
        6,  # HostUnreachable
        7,  # HostNotFound
        64,  # WriteConcernFailed: it waits for members that lag
        89,  # NetworkTimeout
        91,  # ShutdownInProgress
        112,  # WriteConflict
        133,  # FailedToSatisfyReadPreference
        134,  # ReadConcernMajorityNotAvailableYet
        189,  # PrimarySteppedDown
        202,  # NetworkInterfaceExceededTimeLimit
        237,  # CursorKilled
        262,  # ExceededTimeLimit
        10107,  # NotWritablePrimary
        43,  # CursorNotFound: it ended with its server
        175,  # QueryPlanKilled
        365,  # TemporarilyUnavailable
        9001,  # SocketException
        11600,  # InterruptedAtShutdown
        11602,  # InterruptedDueToReplStateChange
        13388,  # StaleConfig
        13435,  # NotPrimaryNoSecondaryOk
        13436,  # NotPrimaryOrSecondary
    }
)
_FULL = frozenset({14031, 12501})
"""Out of disk space, quota exceeded."""
_TOO_LARGE = frozenset({10334, 17419, 17420})
"""BSONObjectTooLarge, and the codes of an update whose result would be too large."""
_NO_TRANSACTIONS = 20


def is_passing(error: Exception) -> bool:
    """Return whether the same call may work a moment later."""
    if isinstance(error, (theirs.BulkWriteError, theirs.WriteConcernError)):
        return bool(_codes(error) & _PASSING_CODES)
    if isinstance(error, theirs.OperationFailure):
        if error.code == _NO_TRANSACTIONS and "retryable writes" in str(error):
            # Some versions of pymongo retry a write on a standalone as if it were a replica set, where the standalone
            # had refused their connection before.
            return True
        return error.code in _PASSING_CODES or error.has_error_label("RetryableWriteError")
    if isinstance(error, theirs.ServerSelectionTimeoutError):
        return "CERTIFICATE" not in str(error).upper()
    return isinstance(error, (theirs.ConnectionFailure, theirs.WaitQueueTimeoutError))


def translate(error: Exception, location: str) -> Exception:  # noqa: PLR0911 - one for each thing that goes wrong
    """Make our error out of pymongo's; the caller raises it ``from`` the original."""
    text = _text(error)
    code = error.code if isinstance(error, theirs.OperationFailure) else None
    if code == BAD_LOGIN or isinstance(error, theirs.ConfigurationError):
        return BackendLoginError(
            f"{location}: the server refuses the login ({text}): check user name, password and authSource in the URL"
            f" (mongodb://USER:PASSWORD@HOST/?authSource=admin)"
        )
    if code == NO_RIGHT:
        return BackendError(
            f"{location}: this user lacks a right ({text}): give it the role readWrite on the database of the store"
        )
    if isinstance(error, theirs.DocumentTooLarge) or _codes(error) & _TOO_LARGE:
        return BackendError(
            f"{location}: more than fits into one MongoDB document of 16 MiB ({text}): hand over large data by"
            f" reference (a file, a key in an object store)"
        )
    if "CERTIFICATE" in text.upper():
        return BackendLoginError(
            f"{location}: the server's certificate is not trusted ({text}): name the authority that signed it with"
            f" the option tlsCAFile=/path/to/ca.pem"
        )
    if _codes(error) & _FULL:
        return BackendFullError(
            f"{location}: the server has no room ({text}); what was accepted before is safe: run `skunq prune`, or"
            f" give the server a larger disk"
        )
    if is_passing(error):
        return BackendUnavailableError(
            f"{location}: no answer ({text or type(error).__name__}): check that the server runs and can be reached"
        )
    if isinstance(error, BSONError):
        return BackendDamagedError(f"{location}: what is stored there cannot be read: {text}")
    return BackendError(f"{location}: the server failed: {text}")


def _codes(error: Exception) -> set[int]:
    if isinstance(error, theirs.BulkWriteError):
        details = error.details
        found = [one.get("code") for one in details.get("writeErrors", ())]
        found += [one.get("code") for one in details.get("writeConcernErrors", ())]
        return {code for code in found if code is not None}
    code = getattr(error, "code", None)
    return set() if code is None else {code}


def _text(error: Exception) -> str:
    said = str(error)
    if isinstance(error, theirs.BulkWriteError):
        # Its own text says only that something failed.
        said = next((str(one["errmsg"]) for one in error.details.get("writeErrors", ())), said)
    text = said.partition(", full error:")[0].partition(", Topology Description:")[0]
    return text[:500]

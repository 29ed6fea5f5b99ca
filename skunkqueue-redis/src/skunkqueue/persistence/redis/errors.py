"""Translating redis-py's errors into ours, which name the place, the problem and the way out."""

from __future__ import annotations

from collections.abc import Sequence

from redis import exceptions as theirs
from skunkqueue.errors import (
    BackendDamagedError,
    BackendError,
    BackendFullError,
    BackendLoginError,
    BackendReadOnlyError,
    BackendUnavailableError,
)


class SentinelLoginError(theirs.AuthenticationError):
    """A sentinel refuses the login, or a right."""

    def __init__(self, sentinel: str, error: theirs.RedisError) -> None:
        super().__init__(f"{sentinel}: {error}")


class NoMasterError(theirs.ConnectionError):
    """No sentinel names a master that answers, and at least one may do so later."""

    def __init__(self, service: str, said: Sequence[theirs.RedisError]) -> None:
        super().__init__(
            f"no sentinel names a master of {service!r} that answers ({'; '.join(map(str, said))})"
        )


_PASSING = (
    theirs.ConnectionError,
    theirs.TimeoutError,
    theirs.ReadOnlyError,
    theirs.ClusterDownError,
    theirs.TryAgainError,
    theirs.AskError,
)
_PASSING_WORDS = ("BUSY ", "NOREPLICAS", "UNBLOCKED", "LOADING", "MASTERDOWN", "-BUSY", "UNKILLABLE")


def is_passing(error: theirs.RedisError) -> bool:
    """Return whether the same call may work a moment later."""
    if isinstance(error, NoMasterError):
        return True
    if isinstance(error, theirs.AuthenticationError) or "CERTIFICATE" in str(error).upper():
        return False
    if isinstance(error, _PASSING):
        return True
    return str(error).startswith(_PASSING_WORDS)


def may_be_done(error: theirs.RedisError) -> bool:
    """Return whether a failed call may have taken effect: its connection broke after it was sent."""
    if isinstance(error, theirs.BusyLoadingError) or getattr(error, "unsent", False):
        return False
    return isinstance(error, (theirs.ConnectionError, theirs.TimeoutError)) or "NOREPLICAS" in str(error)


def translate(error: theirs.RedisError, location: str) -> BackendError:  # noqa: PLR0911 - one for each kind of problem
    """Make our error from redis-py's; the caller raises it ``from`` the original."""
    text = str(error)
    if isinstance(error, SentinelLoginError):
        return BackendLoginError(
            f"{location}: the sentinel refuses the login ({text}): check the options sentinel_username and"
            f" sentinel_password in the URL (?sentinel_password=PASSWORD), and that this user may run SENTINEL"
            f" GET-MASTER-ADDR-BY-NAME there"
        )
    if isinstance(error, (theirs.AuthenticationError, theirs.AuthorizationError)):
        return BackendLoginError(
            f"{location}: the server refuses the login ({text}): check user name and password in the URL"
            f" (redis://USER:PASSWORD@HOST)"
        )
    if isinstance(error, theirs.NoPermissionError):
        return BackendError(
            f"{location}: this user lacks a right ({text}): a worker or producer needs the keys and channels of"
            f" this store and +@all -@dangerous +info +role +cluster"
        )
    if isinstance(error, theirs.OutOfMemoryError) or "OOM" in text:
        return BackendFullError(
            f"{location}: the server is out of memory, so nothing was stored; what was accepted before is safe."
            f" Let workers finish, run `skunq prune`, or raise its maxmemory"
        )
    if isinstance(error, theirs.ReadOnlyError):
        return BackendReadOnlyError(
            f"{location}: the server is a replica and takes no writes ({text}): name its master, or use"
            f" redis+sentinel:// so that the master is found"
        )
    if "CERTIFICATE" in text.upper() and not isinstance(error, NoMasterError):
        return BackendLoginError(
            f"{location}: the server's certificate is not trusted ({text}): name the authority that signed it with"
            f" the option ssl_ca_certs=/path/to/ca.pem"
        )
    if is_passing(error):
        return BackendUnavailableError(
            f"{location}: no answer ({text or type(error).__name__}): check that the server runs and can be reached"
        )
    if text.startswith("WRONGTYPE") or "WRONGTYPE" in text:
        return BackendDamagedError(
            f"{location}: something else has written into this store's keys ({text}): give the store a dbname of"
            f" its own"
        )
    return BackendError(f"{location}: the server failed: {text}")

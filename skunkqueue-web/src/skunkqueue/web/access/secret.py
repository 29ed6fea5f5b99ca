"""The secret that signs sessions and forms. It outlives a restart, and so do they."""

from __future__ import annotations

import logging
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from skunkqueue.errors import ConfigError

ENV_SECRET = "SKUNKQUEUE_WEB_SECRET"  # noqa: S105 - the name of the variable
SHORTEST = 32
_FILE = "web-secret"
_LONGEST = 1_024
_GROUP_OR_OTHERS = stat.S_IRWXG | stat.S_IRWXO

logger = logging.getLogger(__name__)


def find_secret() -> bytes:
    """Return the secret of the environment, else that of this user's file, which is made where it does not exist.

    Raises ConfigError for one that is too short, or a file that others may read.
    """
    given = os.environ.get(ENV_SECRET)
    if given:
        if len(given) < SHORTEST:
            msg = f"{ENV_SECRET} has {len(given)} characters: give it {SHORTEST} or more, at random"
            raise ConfigError(msg)
        return os.fsencode(given)
    try:
        return _of_file(_path())
    except (OSError, RuntimeError) as error:
        logger.warning("sessions will not outlive this process: reason=%s way_out=set %s", error, ENV_SECRET)
        return secrets.token_bytes(SHORTEST)


def _path() -> Path:
    # Imported here, since it is not needed where the environment has the secret.
    import platformdirs  # noqa: PLC0415

    return Path(platformdirs.user_data_dir("skunkqueue", appauthor=False)) / _FILE


def _of_file(path: Path) -> bytes:
    with suppress(FileNotFoundError):
        return _read(path)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(secrets.token_hex(SHORTEST).encode())
        # The first process makes it; two that start at the same time read the same secret.
        with suppress(FileExistsError):
            os.link(fresh, path)
    finally:
        fresh.unlink()
    return _read(path)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        found = file.read(_LONGEST).strip()
    if mode & _GROUP_OR_OTHERS:
        msg = f"others may read the secret in {path} (mode {stat.S_IMODE(mode):04o}): chmod 600 it, or remove it"
        raise ConfigError(msg)
    if len(found) < SHORTEST:
        msg = f"the secret in {path} is shorter than {SHORTEST} characters: remove the file, and a new one is made"
        raise ConfigError(msg)
    return found

"""Which file a config means, and whether it is a good place for a store.

Knows URLs, folders, file modes and file systems; opens no database.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qsl, unquote

import msgspec

from skunkqueue.config import is_secret, redact
from skunkqueue.errors import BackendUnavailableError, ConfigError, StoreMissingError
from skunkqueue.ids import ID_LENGTH, new_id
from skunkqueue.persistence.backend import BackendConfig
from skunkqueue.persistence.sqlite.errors import not_ours, read_only

DURABILITIES = {"process": "NORMAL", "power": "FULL"}
"""What a store survives, and the ``PRAGMA synchronous`` for it."""
BUSY_TIMEOUT = 30.0
_SCHEME = "sqlite://"
_FRESH = ".skunkqueue-"
"""How the name of a file begins while it is being made."""
_FRESH_NAME = re.compile(rf"{re.escape(_FRESH)}([0-9a-f]{{12}})[0-9a-f]{{{ID_LENGTH - 12}}}")
_LEFT = 60.0
"""Seconds after which such a file is known to be left over; making a store takes less than one."""
_SMALLEST = 512
"""Bytes of the smallest page, so of the smallest database."""
# WAL mode needs memory that all processes share; these file systems do not provide it.
_NETWORK = ("nfs", "cifs", "smb", "fuse.sshfs", "afs", "9p", "ceph", "glusterfs", "fuse.glusterfs")


class Location(msgspec.Struct, frozen=True, kw_only=True):
    """A file and how to treat it."""

    path: Path
    synchronous: str = "NORMAL"
    busy_timeout: float = BUSY_TIMEOUT
    """Seconds for which to wait for a write of another process."""
    alone: bool = False
    """No other process may use the file meanwhile; SQLite then keeps in memory what else is in the file's ``-shm``."""


def location_of(config: BackendConfig) -> Location:
    """Read a config. Raises ConfigError that names the setting, its value and the choices."""
    options = dict(config.options)
    text = config.url
    if text is not None and "://" in text:
        text, _, query = text.partition("?")
        options = {**dict(parse_qsl(query, keep_blank_values=True)), **options}
    path = _path(text, config.dbname)
    durability = options.pop("durability", "process")
    if durability not in DURABILITIES:
        msg = (
            f"durability={durability!r} is unknown to the sqlite backend: choose 'process' (survives the crash of"
            f" any process) or 'power' (survives the loss of power as well)"
        )
        raise ConfigError(msg)
    busy = options.pop("busy_timeout", str(BUSY_TIMEOUT))
    try:
        busy_timeout = float(busy)
    except ValueError:
        busy_timeout = -1.0
    if not 0 <= busy_timeout <= 86_400:
        msg = f"busy_timeout={busy!r} is not a number of seconds: give one from 0 to 86400, such as 30"
        raise ConfigError(msg)
    if options:
        name, value = next(iter(options.items()))
        told = "***" if is_secret(name) else repr(redact(value))
        msg = f"the sqlite backend has no option {name!r} (value {told}): it knows 'durability' and 'busy_timeout'"
        raise ConfigError(msg)
    return Location(path=path, synchronous=DURABILITIES[durability], busy_timeout=busy_timeout)


def require(path: Path) -> None:
    """Raise StoreMissingError where the file is missing, or still empty."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        missing = True
    except OSError:
        # `prepare` raises what is wrong there.
        missing = False
    else:
        missing = stat.S_ISREG(found.st_mode) and not found.st_size
    if missing:
        msg = f"there is no store at {path}: name another by a URL; a program that fires, or `skunq work`, makes one there"
        raise StoreMissingError(msg)


def prepare(path: Path, *, default: bool) -> None:
    """Make the file (mode 0600) where it is missing, and check that its folder is fit for a store.

    Only the default location gets its folders made (mode 0700): a misspelt path must not create folders.
    """
    folder = path.parent
    if default:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            msg = f"the folder {folder} for the store cannot be made ({error.strerror}): name a file by a sqlite:/// URL"
            raise BackendUnavailableError(msg) from error
    try:
        is_folder, is_path_folder = folder.is_dir(), path.is_dir()
    except OSError as error:
        raise _unreachable(path, error) from error
    if not is_folder:
        msg = f"the folder {folder} of the store {path.name} does not exist: make it (`mkdir -p {folder}`) or correct the URL"
        raise ConfigError(msg)
    if is_path_folder:
        msg = f"{path} is a folder: name a file in it, such as {path / 'skunkqueue.db'}"
        raise ConfigError(msg)
    kind = network_kind(path)
    if kind is not None:
        msg = (
            f"{path} is on a network file system ({kind}), where SQLite damages files that several processes"
            f" write: name a file on a local disk, or use a backend with a server"
        )
        raise ConfigError(msg)
    size = _touch(path)
    if 0 < size < _SMALLEST:
        # SQLite would treat a file of a few bytes as an empty one, and overwrite it. It refuses larger ones by itself.
        raise not_ours(path, "it is not an SQLite database")
    if not os.access(folder, os.W_OK):
        raise read_only(path)


def _touch(path: Path) -> int:
    """Make the file where it is missing, and return its size.

    An existing file is not opened. Closing it again would drop every lock that SQLite holds on it for this process
    (fcntl(2), advisory record locking). The next process that ends would then believe that it is the last one, and
    remove the write-ahead log, with everything that this process writes to it from then on.
    """
    try:
        if not path.exists():
            _make(path)
        if not os.access(path, os.R_OK | os.W_OK):
            raise read_only(path)
        found = path.stat()
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise read_only(path) from error
        raise _unreachable(path, error) from error
    if not stat.S_ISREG(found.st_mode):
        raise not_ours(path, "it is not a regular file")
    return found.st_size


def _unreachable(path: Path, error: OSError) -> BackendUnavailableError:
    msg = f"{path}: cannot be opened ({error.strerror}): name another file by a sqlite:/// URL"
    return BackendUnavailableError(msg)


def _make(path: Path) -> None:
    """Make an empty file that no other user can read, unless another process does so first."""
    # Under a temporary name first: when it gets its name, this process has closed it.
    path = Path(os.path.realpath(path))
    clear_up(path)
    fresh = path.with_name(f"{_FRESH}{new_id()}")
    os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    try:
        os.link(fresh, path)
    except FileExistsError:
        pass
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS):
            raise
        # A file system without hard links. A file that another process has made by now stays.
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    finally:
        fresh.unlink()


def clear_up(path: Path) -> None:
    """Remove temporary files beside the file, left by processes that were killed while they made it."""
    path = Path(os.path.realpath(path))
    with suppress(OSError), os.scandir(path.parent) as entries:
        for entry in entries:
            made = _FRESH_NAME.fullmatch(entry.name)
            # The id in the name begins with the milliseconds at which it was made; the file's own time may be the store's.
            if made is None or time.time() - int(made[1], 16) / 1000 < _LEFT:
                continue
            with suppress(OSError):
                found = entry.stat(follow_symlinks=False)
                # Either it is not linked yet (and empty), or not unlinked yet: then it is a second name of the store.
                if stat.S_ISREG(found.st_mode) and (not found.st_size or path.samefile(entry.path)):
                    os.unlink(entry.path)  # noqa: PTH108 - scandir gives no Path


def network_kind(path: Path) -> str | None:
    """Return the kind of network file system that the path is on; ``None``: it is local, or that cannot be known."""
    if sys.platform != "linux":
        return None
    try:
        lines = Path("/proc/self/mounts").read_text(errors="replace").splitlines()
    except OSError:
        return None
    return _network_kind(os.path.realpath(path), lines)


def _network_kind(real: str, mounts: list[str]) -> str | None:
    best, kind = "", ""
    for line in mounts:
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = fields[1].replace("\\040", " ")
        inside = point in {"/", real} or real.startswith(f"{point}/")
        if inside and len(point) >= len(best):
            best, kind = point, fields[2]
    return kind if kind.startswith(_NETWORK) else None


def _path(text: str | None, dbname: str) -> Path:
    if text is None or text in {"", _SCHEME, f"{_SCHEME}/"}:
        return _default_path(dbname)
    if "://" in text:
        if not text.lower().startswith(f"{_SCHEME}/"):
            msg = (
                f"{text!r} is not the URL of an SQLite file: write sqlite:////absolute/path.db (four slashes),"
                f" sqlite:///relative.db (three), or a bare path"
            )
            raise ConfigError(msg)
        text = unquote(text[len(_SCHEME) + 1 :])
    if text == ":memory:" or "\0" in text:
        msg = f"{text!r} cannot hold a queue, which several processes share: name a file"
        raise ConfigError(msg)
    try:
        # resolve() would follow links.
        return Path(os.path.abspath(Path(text).expanduser()))  # noqa: PTH100
    except RuntimeError as error:
        msg = f"{text!r}: the home folder that `~` stands for is not known: write the path in full"
        raise ConfigError(msg) from error


def _default_path(dbname: str) -> Path:
    if not dbname or dbname.startswith(".") or not set("/\\\0").isdisjoint(dbname):
        msg = f"dbname={dbname!r} cannot be a file's name: use letters and digits, or name a path by a sqlite:/// URL"
        raise ConfigError(msg)
    # Imported here, since a worker usually gets the name of a file, and then saves 1 MiB.
    import platformdirs  # noqa: PLC0415

    try:
        return Path(platformdirs.user_data_dir("skunkqueue", appauthor=False)) / f"{dbname}.db"
    except RuntimeError as error:
        # HOME is not set, and the user has no entry in the system's list of users, as in many containers.
        msg = (
            f"a store has no default location, since user {os.getuid()} has no home folder: set HOME or"
            f" XDG_DATA_HOME, or name a store (SKUNKQUEUE_URL, conn_url=... or --url)"
        )
        raise ConfigError(msg) from error

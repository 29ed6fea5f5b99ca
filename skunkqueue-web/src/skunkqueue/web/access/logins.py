"""The auth file: who may log in with a password, which programs have a token, and what each may do.

One line for each: ``name:right:hash``, for programs ``@name:right:hash``. Empty lines and those that begin with ``#``
are skipped.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from werkzeug.security import check_password_hash, generate_password_hash

from skunkqueue.errors import ConfigError
from skunkqueue.web.rights import Login, Right

LONGEST_NAME = 64
LONGEST_PASSWORD = 1_024
MOST_LINES = 1_000
LARGEST = 1_000_000
TOKEN_MARK = "@"  # noqa: S105 - how lines of tokens begin
_TOKEN_HASH = "sha256$"  # noqa: S105 - how hashes of tokens begin
_TOKEN_BYTES = 32
_METHODS = ("scrypt:", "pbkdf2:")
_NOBODY = f"scrypt:32768:8:1${'0' * 16}${'0' * 128}"
"""A hash to compare with where no login exists."""
_RIGHTS = {right.name.lower(): right for right in Right}


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One login or token."""

    name: str
    right: Right
    hash: str


class Logins(msgspec.Struct, frozen=True, kw_only=True):
    """All of an auth file."""

    people: Mapping[str, Line]
    tokens: Sequence[Line]

    def by_password(self, name: str, password: str) -> Line | None:
        """Return the login with this name and password. A name without a login takes as long as one with it."""
        line = self.people.get(name)
        hash_ = self._decoy(name) if line is None else line.hash
        # Hashing pads with NUL, so one behind a password would make no difference.
        odd = len(password) > LONGEST_PASSWORD or "\0" in password
        return line if check_password_hash(hash_, password[:LONGEST_PASSWORD]) and not odd else None

    def by_token(self, token: str) -> Login | None:
        """Return the login that a token belongs to."""
        shown = hash_token(token)
        found = None
        for line in self.tokens:
            # All are compared, so that the time it takes reveals nothing.
            if hmac.compare_digest(line.hash.encode(), shown.encode()):
                found = line
        return (
            None if found is None else Login(name=f"{TOKEN_MARK}{found.name}", right=found.right, by="token")
        )

    def _decoy(self, name: str) -> str:
        """Pick a hash to compare with for a name without a login, always the same for a name."""
        hashes = sorted(line.hash for line in self.people.values()) or [_NOBODY]
        number = int.from_bytes(hashlib.sha256("\n".join([name, *hashes]).encode()).digest()[:8], "big")
        method, _, rest = hashes[number % len(hashes)].partition("$")
        return f"{method}${rest.partition('$')[0]}${'0' * 128}"


class AuthFile:
    """An auth file that is read again when it has changed."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        self._seen: tuple[int, ...] | None = None
        self._logins = Logins(people={}, tokens=())

    def logins(self) -> Logins:
        """Return what the file says now. Raises ConfigError where it cannot be used; then nobody is let in."""
        try:
            state = self.path.stat()
            seen = (state.st_mtime_ns, state.st_size, state.st_ino, state.st_mode, state.st_ctime_ns)
            with self._lock:
                if seen != self._seen:
                    self._logins = read_file(self.path)
                    self._seen = seen
                return self._logins
        except OSError as error:
            msg = f"the auth file {self.path} cannot be read: {error.strerror}; make it by `skunq web --add-login NAME`"
            raise ConfigError(msg) from error


def read_file(path: Path) -> Logins:
    """Read an auth file. Raises ConfigError that names file, line and way out, and OSError."""
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            msg = f"others may use the auth file {path} (mode {stat.S_IMODE(mode):04o}): chmod 600 it"
            raise ConfigError(msg)
        content = file.read(LARGEST + 1)
    lines = content.splitlines()
    if len(content) > LARGEST or len(lines) > MOST_LINES:
        msg = f"the auth file {path} is too large: {MOST_LINES} lines and {LARGEST} bytes are the most"
        raise ConfigError(msg)
    people: dict[str, Line] = {}
    tokens: dict[str, Line] = {}
    for number, raw in enumerate(lines, 1):
        try:
            _add(raw.decode().strip(), people, tokens)
        except UnicodeDecodeError as error:
            msg = f"the auth file {path}, line {number}: it is not UTF-8; write it in UTF-8"
            raise ConfigError(msg) from error
        except ConfigError as error:
            msg = f"the auth file {path}, line {number}: {error}"
            raise ConfigError(msg) from None
    return Logins(people=people, tokens=list(tokens.values()))


def _add(text: str, people: dict[str, Line], tokens: dict[str, Line]) -> None:
    if not text or text.startswith("#"):
        return
    line = read_line(text)
    kind = tokens if text.startswith(TOKEN_MARK) else people
    if line.name in kind:
        msg = f"the name {line.name!r} is there twice: remove one of the lines"
        raise ConfigError(msg)
    kind[line.name] = line


def read_line(text: str) -> Line:
    """Read one line. Raises ConfigError, which never shows the hash."""
    is_token = text.startswith(TOKEN_MARK)
    parts = text.removeprefix(TOKEN_MARK).split(":", 2)
    if len(parts) != 3:
        raise ConfigError("write name:right:hash, or make the line by `skunq web --add-login NAME`")
    name, right, hash_ = parts[0], parts[1].strip(), parts[2].strip()
    check_name(name)
    if right not in _RIGHTS:
        msg = f"the right {right!r} of {name!r} does not exist: choose view, act or admin"
        raise ConfigError(msg)
    if is_token and not (hash_.startswith(_TOKEN_HASH) and len(hash_) == len(_TOKEN_HASH) + 64):
        msg = f"{name!r} has no hash of a token: make the line by `skunq web --print-token {name}`"
        raise ConfigError(msg)
    if not is_token and not (hash_.startswith(_METHODS) and hash_.count("$") == 2):
        msg = f"{name!r} has no hash of a password: make the line by `skunq web --add-login {name}`"
        raise ConfigError(msg)
    return Line(name=name, right=_RIGHTS[right], hash=hash_)


def check_name(name: str) -> str:
    """Return a name that a login may have. Raises ConfigError."""
    odd = not name or len(name) > LONGEST_NAME or not name.isprintable() or name != name.strip()
    if odd or ":" in name or name[0] in f"{TOKEN_MARK}#":
        msg = (
            f"{name!r} cannot be the name of a login: give it 1 to {LONGEST_NAME} printable characters, no colon, and"
            f" neither {TOKEN_MARK} nor # in front"
        )
        raise ConfigError(msg)
    return name


def password_line(name: str, right: str, password: str) -> str:
    """Make the line of a login. Raises ConfigError."""
    if not password or len(password) > LONGEST_PASSWORD or "\0" in password:
        msg = f"a password has 1 to {LONGEST_PASSWORD} characters, and no NUL: choose another"
        raise ConfigError(msg)
    return f"{check_name(name)}:{right}:{generate_password_hash(password)}"


def token_line(name: str, right: str, token: str) -> str:
    """Make the line of a token."""
    return f"{TOKEN_MARK}{check_name(name)}:{right}:{hash_token(token)}"


def new_token() -> str:
    """Make a token, at random."""
    return f"skunq_{secrets.token_urlsafe(_TOKEN_BYTES)}"


def hash_token(token: str) -> str:
    """Hash a token. It is random and long, so a quick hash is safe, and cheap enough for each request."""
    return f"{_TOKEN_HASH}{hashlib.sha256(token.encode('utf-8', 'replace')).hexdigest()}"


def write_line(path: Path, line: str) -> None:
    """Write a line into an auth file, replacing the line of the same name. Raises OSError and ConfigError."""
    name = line.split(":", 1)[0]
    # A symbolic link stays one.
    path = path.resolve()
    try:
        read_file(path)
        old = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        old = []
    kept = [text for text in old if text.strip().split(":", 1)[0] != name]
    fresh = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write("".join(f"{text}\n" for text in [*kept, line]))
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)

"""Opening a store: load the binding, start its network, connect to the cluster, and check the store."""

from __future__ import annotations

import atexit
import contextlib
import os
import secrets
import shutil
import ssl
import tempfile

from skunkqueue.clock import Clock, monotonic
from skunkqueue.errors import BackendError, ConfigError, StoreMissingError
from skunkqueue.persistence.fdb import anchors, errors
from skunkqueue.persistence.fdb import binding as bindings
from skunkqueue.persistence.fdb.binding import Binding
from skunkqueue.persistence.fdb.keys import LAYOUT
from skunkqueue.persistence.fdb.settings import TLS, Settings
from skunkqueue.persistence.fdb.transactions import Link, Transaction

_KNOB = "future_version_retry_delay=0.001"
"""Else a watch tells of a change 10 ms after it and not 1."""
_OTHERS = 3.0
"""Seconds in which a process that knows the time sets the clock right after a recovery, if there is one."""
_EVERY = 0.1
"""Seconds between looks whether it has."""


def open_link(settings: Settings, clock: Clock, binding: Binding | None, *, create: bool) -> Link:
    """Open a store. Raises BackendError and ConfigError; StoreMissingError where it is missing and must not be made."""
    binding = binding or bindings.load()
    bindings.choose_version(binding)
    if bindings.is_of_parent(binding):
        msg = (
            f"{settings.place}: FoundationDB's client was started before this process was forked, and cannot be used here:"
            f" start the process fresh (multiprocessing: set_start_method('spawn')), or open the first store in the child"
        )
        raise BackendError(msg)
    _prepare_network(settings, binding)
    file = settings.cluster_file
    if settings.connection is not None:
        file = _files.of(settings.connection)
    elif file is not None:
        _check_file(file)
    try:
        database = bindings.open_database(binding, file)
    except binding.FDBError as error:
        # A library of 7.1 looks into the file at once, a later one at the first call.
        raise errors.explained(settings.place, error) from error
    link = Link(settings, binding, database, clock)
    try:
        _look(link, create=create)
    except BaseException:
        link.close()
        raise
    return link


def _check_file(file: str) -> None:
    """Raise ConfigError for a cluster file that is missing or may not be read: the client has the same words for both."""
    try:
        with open(file, "rb"):  # noqa: PTH123 - a text is what the binding takes
            pass
    except OSError as error:
        msg = (
            f"fdb://{file}: the cluster file cannot be used: {error.strerror}. Name one that this user can read and whose content is"
            f" DESCRIPTION:ID@HOST:PORT, as in fdb:///etc/foundationdb/fdb.cluster"
        )
        raise ConfigError(msg) from error


class _Files:
    """Cluster files whose content a URL has, one for each content as long as the process lives.

    The binding keeps a client for each file that it has opened. And a client writes its file where the cluster's coordinators change,
    so whoever opens it later finds these.
    """

    def __init__(self) -> None:
        self._of: dict[str, str] = {}
        self._pid = 0

    def of(self, connection: str) -> str:
        """Return the path of the file with this content, which is made where it is missing."""
        if self._pid != os.getpid():
            # After a fork the files are the parent's, which removes them.
            self._of, self._pid = {}, os.getpid()
        file = self._of.get(connection)
        try:
            if file is None:
                folder = tempfile.mkdtemp(prefix="skunkqueue-fdb-")
                atexit.register(_remove, folder, self._pid)
                file = os.path.join(folder, "fdb.cluster")  # noqa: PTH118 - a text is what the binding takes
            if not os.path.exists(file):  # noqa: PTH110 - as above
                _write(file, connection)
        except OSError as error:
            msg = (
                f"fdb://{connection} needs a cluster file in {tempfile.gettempdir()}, which cannot be written: {error}. Make room there,"
                f" name another folder by TMPDIR, or name a cluster file by fdb:///PATH"
            )
            raise BackendError(msg) from error
        # Another thread may have been faster: then all use its file.
        return self._of.setdefault(connection, file)


_files = _Files()


def _write(file: str, connection: str) -> None:
    """Make a cluster file, so that nobody ever sees a part of it."""
    os.makedirs(os.path.dirname(file), mode=0o700, exist_ok=True)  # noqa: PTH103, PTH120 - texts, as the binding takes them
    begun = f"{file}.{secrets.token_hex(4)}"
    with open(begun, "w", encoding="utf-8") as written:  # noqa: PTH123 - as above
        written.write(connection)
    os.replace(begun, file)  # noqa: PTH105 - as above


def _remove(folder: str, pid: int) -> None:
    if pid == os.getpid():
        shutil.rmtree(folder, ignore_errors=True)


def _prepare_network(settings: Settings, binding: Binding) -> None:
    """Set options of the network; where it runs already they stay as they are."""
    _check_certificates(settings)
    with contextlib.suppress(binding.FDBError):
        binding.options.set_knob(_KNOB)
        for name, called in TLS.items():
            if name in settings.tls:
                # Some options of the binding take nothing but bytes.
                getattr(binding.options, called)(settings.tls[name].encode())


def _check_certificates(settings: Settings) -> None:
    """Raise ConfigError where a file of the TLS options cannot be used: the client's library would end the process."""
    given = settings.tls
    certificate, key, authority = (given.get(f"tls_{name}_file") for name in ("certificate", "key", "ca"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    asked = f"tls_certificate_file={certificate!r} and tls_key_file={key!r}"
    try:
        if certificate is not None:
            # Where no password is given, an empty one keeps OpenSSL from asking at the terminal.
            context.load_cert_chain(certificate, key, given.get("tls_password", ""))
        asked = f"tls_ca_file={authority!r}"
        if authority is not None:
            context.load_verify_locations(authority)
    except (OSError, ValueError) as error:
        msg = (
            f"{settings.place}: {asked} cannot be used ({error}): name files in PEM that this user can read, and a key that"
            f" belongs to the certificate"
        )
        raise ConfigError(msg) from error


def _look(link: Link, *, create: bool) -> None:
    keys = link.keys

    def look(transaction: Transaction) -> anchors.Found:
        asked = transaction.get(keys.layout)
        clock, found = anchors.read(transaction.raw, keys.clock), asked.value
        if found is not None and found != b"%d" % LAYOUT:
            msg = (
                f"{link.settings.place}: the store {link.settings.dbname!r} has the layout {found!r}, which this version of"
                f" skunkqueue-fdb does not know: update it, or give this store a dbname of its own"
            )
            raise BackendError(msg)
        if found is None and not create:
            msg = (
                f"{link.settings.place}: there is no store {link.settings.dbname!r}: name another by its URL; a program"
                f" that fires, or `skunq work`, makes one there"
            )
            raise StoreMissingError(msg)
        if found is None:
            transaction.set(keys.layout, b"%d" % LAYOUT)
        # Something to commit in any case: only the version of a commit tells how late it is.
        transaction.raw.add_write_conflict_key(keys.layout + b"?")
        return clock

    found, version = link.run_at(look)
    if found.outlived:
        _wait_for_others(link)
    elif found.anchor is not None:
        link.time.adopt(found.anchor, version)
        return
    link.anchor_anew()


def _wait_for_others(link: Link) -> None:
    """Wait for one who knows the time to set the clock right after a recovery."""
    end = monotonic() + _OTHERS
    while monotonic() < end and link.read(lambda tr: anchors.read(tr.raw, link.keys.clock)).outlived:
        link.closed.wait(_EVERY)

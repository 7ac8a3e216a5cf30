"""The file of an SQLite store: whether it can be written, how it keeps its journal, how it is only read.

SQLite's write-ahead log lets readers work beside a writer, but needs memory that all of them share: on a
network file system, where machines share only the file, it loses what they commit. There the store keeps
SQLite's rollback journal.
"""

import os
import re
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from perfexp.console import say
from perfexp.errors import TrackingError

TIMEOUT_S = 5.0
_MOUNTS = Path("/proc/self/mountinfo")
_NETWORK = frozenset({
    "9p", "afs", "beegfs", "ceph", "cifs", "fhgfs", "gfs2", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs",
    "nfs4", "ocfs2", "orangefs", "panfs", "prl_fs", "pvfs2", "smb2", "smb3", "smbfs", "vboxsf", "virtiofs",
    "wekafs", "fuse.beegfs", "fuse.ceph", "fuse.ceph-fuse", "fuse.dfuse", "fuse.glusterfs", "fuse.juicefs",
    "fuse.mfs", "fuse.quobyte", "fuse.rclone", "fuse.s3fs", "fuse.sshfs", "fuse.vmhgfs-fuse",
})  # fmt: skip
"""Types of file systems that several machines may have mounted."""
_WAL_AT, _WAL = 18, 2
"""Where the file's header says how its journal is kept, and the number of the write-ahead log."""


def require_writable(path: Path, create: bool) -> None:
    """Check that the store can be written; with ``create`` it may be missing.

    Raises:
        TrackingError: it is missing.
        OSError, sqlite3.Error: it is read-only, locked, or no database.
    """
    if not path.exists():
        if not create:
            raise missing(path)
        return
    with closing(sqlite3.connect(path, timeout=TIMEOUT_S)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.rollback()
    if not os.access(path, os.W_OK):
        raise OSError("the file is read-only")


def missing(path: Path) -> TrackingError:
    """Return the error of a store that is not there."""
    return TrackingError(
        f"There is no MLflow store at {path}; run perfexp first, or name another tracking URI."
    )


@contextmanager
def journal_kept(path: Path) -> Iterator[None]:
    """Choose the journal of a store that the body opens first, or creates.

    A store that had a rollback journal keeps it: another machine may reach its file over the network.

    Raises:
        OSError, sqlite3.Error: the file cannot be used.
    """
    is_new, network = not path.exists(), network_type(path)
    if network and (is_new or _has_wal(path)):
        say(
            f"{path} lies on a network file system ({network}), where SQLite's write-ahead log is not safe: "
            "it keeps a rollback journal; with several machines, perfexp server is faster.",
            file=sys.stderr,
            flush=True,
        )
    if network and not is_new and _has_wal(path):
        _set_mode(path, "DELETE")
    yield
    if is_new and not network:
        _set_mode(path, "WAL")  # readers work beside one writer


def network_type(path: Path) -> str | None:
    """Return the type of the network file system that a path lies on; None on a disk of this machine.

    Where the system does not tell, as elsewhere than on Linux, a disk is taken for one of this machine.
    """
    if not _MOUNTS.is_file():
        return None
    place, found, longest = path.absolute().resolve(), "", -1
    for line in _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        fields, _, rest = line.partition(" - ")
        mount = Path(re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), fields.split()[4]))
        if place.is_relative_to(mount) and len(mount.parts) >= longest:  # a later one hides an earlier one
            found, longest = rest.split()[0], len(mount.parts)
    return found if found in _NETWORK else None


def read_only_uri(path: Path) -> str | None:
    """Return the address by which the store is only read, without a lock; None where it can be written.

    Raises:
        TrackingError: its last changes lie in a log that cannot be read from a folder without write access.
    """
    if os.access(path, os.W_OK) and os.access(path.parent, os.W_OK):
        return None
    from urllib.parse import quote

    from sqlalchemy import URL

    log, shared = (path.with_name(f"{path.name}-{end}") for end in ("wal", "shm"))
    query = {"mode": "ro", "uri": "true"}
    if not log.is_file() or not log.stat().st_size:
        query["immutable"] = "1"
    elif not shared.is_file():
        raise TrackingError(
            f"{path} was not closed, and {log.name} beside it cannot be used where nothing can be written; "
            "copy both files into a folder of your own, and read them there."
        )
    return str(URL.create("sqlite+pysqlite", database=f"file:{quote(str(path))}", query=query))


def _has_wal(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(_WAL_AT + 1)[_WAL_AT:] == bytes([_WAL])


def _set_mode(path: Path, mode: str) -> None:
    with closing(sqlite3.connect(path, timeout=TIMEOUT_S)) as connection:
        connection.execute(f"PRAGMA journal_mode={mode}")

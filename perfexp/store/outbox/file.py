"""The file of a queued run: a zip of ``run.json`` and the run's artifacts.

Artifacts that were in memory lie below ``files/``, those that were files below ``paths/``. A file is data
that anybody may have written: what does not have this form is damaged, and nothing else is done with it.

Format 1: ``format``, ``id``, ``store``, ``experiment``, ``ended_ms`` and ``draft``, which holds the
run's name, status, start, metrics, parameters and tags. The archive's comment, its last bytes, is the hash of
``store``: of thousands of files those for another store are known by it.
"""

import errno
import hashlib
import json
import os
import re
import struct
import time
import uuid
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated

from pydantic import BaseModel, ConfigDict, Strict

from perfexp import scratch
from perfexp.errors import TrackingError, first_line
from perfexp.store.run_data import RunData

_FORMAT = 1
_DESTINATION = ("id", "store", "experiment", "ended_ms")
_RUN, _FILES, _PATHS = "run.json", "files/", "paths/"
_ID = re.compile("[0-9a-f]{32}")
_MAX_BYTES, _MAX_FILES = 2**31, 10_000
_SIGNS = (
    *(zipfile.BadZipFile, zlib.error, EOFError, struct.error, OSError, RuntimeError),
    *(NotImplementedError, ValueError, KeyError, TypeError, IndexError, AttributeError),
)
"""What zipfile, json and the model raise at bytes that were changed."""
_END, _MARK_BYTES = b"PK\5\6", 16
_END_BYTES = 22
"""An archive's last record begins so, and has so many bytes, the last two of them the comment's length."""


@dataclass(frozen=True)
class QueuedRun:
    """A run and its destination.

    Attributes:
        id: of the delivery; a tag of the written run.
        store: the store's address without credentials.
        ended_ms: when the run ended, in ms since the epoch.
    """

    id: str
    store: str
    experiment: str
    ended_ms: int
    run: RunData


def new_id() -> str:
    """Return a unique id; ids sort by the time at which they were made."""
    return f"{time.time_ns():016x}{uuid.uuid4().hex[:16]}"


def pack(queued: QueuedRun, file: IO[bytes]) -> None:
    """Write the queued run, with the present content of its artifacts.

    Raises:
        OSError: the disk is full, or an artifact cannot be read.
    """
    run = queued.run
    content = {
        "format": _FORMAT,
        **{name: getattr(queued, name) for name in _DESTINATION},
        "draft": {
            "name": run.name,
            "status": run.status,
            "started_ms": run.started_ms,
            "metrics": [(name, float(value), step) for name, value, step in run.metrics],
            "params": dict(run.params),
            "tags": dict(run.tags),
        },
    }
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(_RUN, json.dumps(content, ensure_ascii=False))
        archive.comment = _mark(queued.store)
        for name, data in run.files.items():
            archive.writestr(_FILES + name, data)
        for folder, path in run.paths:
            archive.write(path, f"{_PATHS}{folder}/{path.name}")


def address(path: Path) -> str:
    """Return the store of the run in a file; nothing else is read.

    Raises:
        Damaged: the file cannot be read.
    """
    with _opened(path) as (_, content):
        return content.store


def is_for(path: Path, store: str) -> bool:
    """Return whether the run in a file is for this store, by the file's last bytes alone if they tell.

    Raises:
        TrackingError: the file cannot be read; Damaged if it never will.
    """
    try:
        mark = _mark_at_end(path)
    except OSError:
        mark = None
    try:
        return mark == _mark(store) if mark else address(path) == store
    except FileNotFoundError:  # another process has just delivered it
        return False


@contextmanager
def unpacked(path: Path) -> Iterator[QueuedRun]:
    """Read the run in a file; its artifacts exist during the body.

    Raises:
        Damaged: the file cannot be read.
    """
    with scratch.folder() as place:
        with _opened(path) as (archive, content):
            archive.extractall(place)  # zipfile keeps every name below the folder
            queued = _queued(content, place)
        yield queued


class Damaged(TrackingError):
    """A waiting file that cannot be read: cut off, changed, of another format, or no run at all."""


class _Content(BaseModel):
    """What ``run.json`` holds."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=True)

    class Run(BaseModel):
        """The run without its artifacts."""

        model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=True)
        name: str
        status: str
        started_ms: int
        metrics: list[Annotated[tuple[str, float, int], Strict(False)]]
        params: dict[str, str]
        tags: dict[str, str]

    format: int
    id: str
    store: str
    experiment: str
    ended_ms: int
    draft: Run


@contextmanager
def _opened(path: Path) -> Iterator[tuple[zipfile.ZipFile, _Content]]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive, _content(archive, path)
    except FileNotFoundError:
        raise
    except _SIGNS as error:
        if isinstance(error, OSError) and error.errno != errno.EINVAL:  # a full disk, say
            raise TrackingError(f"{path} cannot be read ({error.strerror}); it stays there.") from error
        raise Damaged(f"{path} is no run that waits to be delivered ({first_line(error)}).") from error


def _content(archive: zipfile.ZipFile, path: Path) -> _Content:
    names = archive.infolist()
    size = sum(entry.file_size for entry in names)
    if size > _MAX_BYTES or len(names) > _MAX_FILES:
        raise ValueError(f"it unpacks to {size:,} bytes in {len(names):,} files")
    found = json.loads(archive.read(_RUN))
    if found["format"] != _FORMAT:
        raise ValueError(f"it has format {found['format']}, this version reads {_FORMAT}")
    content = _Content.model_validate(found)
    if not _ID.fullmatch(content.id) or content.id != path.stem:
        raise ValueError(f"its id is {content.id!r}")
    if archive.comment not in (b"", _mark(content.store)):
        raise ValueError("its last bytes are not those of its store")
    return content


def _mark(store: str) -> bytes:
    return hashlib.sha256(store.encode()).digest()[:_MARK_BYTES]


def _mark_at_end(path: Path) -> bytes | None:
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _END_BYTES - _MARK_BYTES))
        end = file.read()
    record, mark = end[:_END_BYTES], end[_END_BYTES:]
    known = record.startswith(_END) and record.endswith(_MARK_BYTES.to_bytes(2, "little"))
    return mark if known and len(mark) == _MARK_BYTES else None


def _queued(content: _Content, place: Path) -> QueuedRun:
    files, paths = place / _FILES, place / _PATHS
    run = RunData(
        **dict(content.draft),
        files={str(p.relative_to(files)): p.read_bytes() for p in _below(files)},
        paths=[
            ("" if p.parent == paths else p.parent.relative_to(paths).as_posix(), p) for p in _below(paths)
        ],
    )
    return QueuedRun(**{name: getattr(content, name) for name in _DESTINATION}, run=run)


def _below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())

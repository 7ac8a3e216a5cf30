"""A run packed into one file of plain data: a zip of ``run.json`` and of the run's artifacts.

Artifacts that were in memory lie below ``files/``, those that were files below ``paths/``.

Format 1: ``format``, ``id``, ``store``, ``experiment``, ``ended_ms`` and ``draft``, which is the
draft's name, status, start, metrics, parameters and tags.
"""

import json
import tempfile
import time
import uuid
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from perfexp.errors import TrackingError
from perfexp.store.run_data import RunData

_FORMAT = 1
_RUN, _FILES, _PATHS = "run.json", "files/", "paths/"


@dataclass(frozen=True)
class QueuedRun:
    """A draft and where it goes.

    Attributes:
        id: the delivery's, which its run carries as a tag.
        store: the store's address without credentials.
        ended_ms: when the run ended, in ms since the epoch.
    """

    id: str
    store: str
    experiment: str
    ended_ms: int
    draft: RunData


def new_id() -> str:
    """An id that no other delivery has; later ones sort behind."""
    return f"{time.time_ns():016x}{uuid.uuid4().hex[:16]}"


def pack(parcel: QueuedRun, file: IO[bytes]) -> None:
    """Write the parcel; the artifacts' content is read now.

    Raises:
        OSError: the disk is full, or an artifact cannot be read.
    """
    draft = parcel.draft
    run = {
        "format": _FORMAT,
        "id": parcel.id,
        "store": parcel.store,
        "experiment": parcel.experiment,
        "ended_ms": parcel.ended_ms,
        "draft": {
            "name": draft.name,
            "status": draft.status,
            "started_ms": draft.started_ms,
            "metrics": [(name, float(value), step) for name, value, step in draft.metrics],
            "params": dict(draft.params),
            "tags": dict(draft.tags),
        },
    }
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(_RUN, json.dumps(run, ensure_ascii=False))
        for name, content in draft.files.items():
            archive.writestr(_FILES + name, content)
        for folder, path in draft.paths:
            archive.write(path, f"{_PATHS}{folder}/{path.name}")


def address(path: Path) -> str:
    """The store of the parcel in a file; nothing else of it is read.

    Raises:
        TrackingError: the file is damaged, or of a format that this version cannot read.
    """
    with _opened(path) as archive:
        return str(_run(archive)["store"])


@contextmanager
def unpacked(path: Path) -> Iterator[QueuedRun]:
    """The parcel in a file; its artifacts are there as long as the body.

    Raises:
        TrackingError: the file is damaged, or of a format that this version cannot read.
    """
    with tempfile.TemporaryDirectory(prefix="perfexp-") as place:
        with _opened(path) as archive:
            archive.extractall(place)  # zipfile keeps every name below the folder
            parcel = _parcel(_run(archive), Path(place))
        yield parcel


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, ValueError, KeyError, TypeError) as error:
        raise TrackingError(
            f"{path} is no run that waits to be delivered ({error}); move it away, or read it by hand: "
            "it is a zip."
        ) from error


def _run(archive: zipfile.ZipFile) -> dict[str, object]:
    run: dict[str, object] = json.loads(archive.read(_RUN))
    if run["format"] != _FORMAT:
        raise ValueError(f"it has format {run['format']}, this version reads {_FORMAT}")
    return run


def _parcel(run: Mapping[str, object], place: Path) -> QueuedRun:
    own = {k: run[k] for k in ("id", "store", "experiment", "ended_ms")}
    draft = RunData(**run["draft"])  # type: ignore[arg-type]
    files = place / _FILES
    paths = place / _PATHS
    return QueuedRun(
        **own,  # type: ignore[arg-type]
        draft=replace(
            draft,
            metrics=[(name, value, step) for name, value, step in draft.metrics],
            files={str(p.relative_to(files)): p.read_bytes() for p in _below(files)},
            paths=[(_folder(p, paths), p) for p in _below(paths)],
        ),
    )


def _below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _folder(path: Path, top: Path) -> str:
    parent = path.relative_to(top).parent.as_posix()
    return "" if parent == "." else parent

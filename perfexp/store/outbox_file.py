"""The file of a queued run: a zip of ``run.json`` and the run's artifacts.

Artifacts that were in memory lie below ``files/``, those that were files below ``paths/``.

Format 1: ``format``, ``id``, ``store``, ``experiment``, ``ended_ms`` and ``draft``, which holds the
run's name, status, start, metrics, parameters and tags.
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
_DESTINATION = ("id", "store", "experiment", "ended_ms")
_RUN, _FILES, _PATHS = "run.json", "files/", "paths/"


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
        for name, data in run.files.items():
            archive.writestr(_FILES + name, data)
        for folder, path in run.paths:
            archive.write(path, f"{_PATHS}{folder}/{path.name}")


def address(path: Path) -> str:
    """Return the store of the run in a file; nothing else is read.

    Raises:
        TrackingError: the file is damaged, or of a format that this version cannot read.
    """
    with _opened(path) as archive:
        return str(_content(archive)["store"])


@contextmanager
def unpacked(path: Path) -> Iterator[QueuedRun]:
    """Read the run in a file; its artifacts exist during the body.

    Raises:
        TrackingError: the file is damaged, or of a format that this version cannot read.
    """
    with tempfile.TemporaryDirectory(prefix="perfexp-") as place:
        with _opened(path) as archive:
            archive.extractall(place)  # zipfile keeps every name below the folder
            queued = _queued(_content(archive), Path(place))
        yield queued


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


def _content(archive: zipfile.ZipFile) -> dict[str, object]:
    content: dict[str, object] = json.loads(archive.read(_RUN))
    if content["format"] != _FORMAT:
        raise ValueError(f"it has format {content['format']}, this version reads {_FORMAT}")
    return content


def _queued(content: Mapping[str, object], place: Path) -> QueuedRun:
    destination = {name: content[name] for name in _DESTINATION}
    run = RunData(**content["draft"])  # type: ignore[arg-type]
    files, paths = place / _FILES, place / _PATHS
    return QueuedRun(
        **destination,  # type: ignore[arg-type]
        run=replace(
            run,
            metrics=[(name, value, step) for name, value, step in run.metrics],
            files={str(p.relative_to(files)): p.read_bytes() for p in _below(files)},
            paths=[
                ("" if p.parent == paths else p.parent.relative_to(paths).as_posix(), p)
                for p in _below(paths)
            ],
        ),
    )


def _below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())

"""Files below ``mlruns/cache``: written whole or not at all, found again by content key."""

import hashlib
import json
import os
import shutil
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from perfexp.console import say
from perfexp.errors import CacheError

_MANIFEST, _DRAFT = ".manifest.json", ".draft-"
_OLD_S = 86_400.0


def digest(facts: Mapping[str, object]) -> str:
    """Return a short stable hash of plain values: 16 hexadecimal digits of SHA-256."""
    text = json.dumps(facts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def file_digest(path: Path) -> str:
    """Return the hash of a file's bytes; read once as long as size and time stay the same."""
    stat = path.stat()
    return _file_digest(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=4096)
def _file_digest(path: Path, _size: int, _mtime_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


class Cache:
    """One folder an entry: ``root/kind/key/``."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def entry(self, kind: str, key: str) -> Path:
        """Return the entry's folder, which may not exist yet."""
        return self.root / kind / key

    def has(self, kind: str, key: str) -> bool:
        """Return whether the entry is whole: its files have the sizes and hashes that were written.

        One that is not, after a power cut say, is moved aside and told.
        """
        entry = self.entry(kind, key)
        if not entry.is_dir():
            return False
        if _is_whole(entry):
            return True
        aside = entry.with_name(f"{key}.damaged")
        shutil.rmtree(aside, ignore_errors=True)
        entry.rename(aside)
        say(f"The cache's entry {entry} was damaged; it is now {aside}, and made again.", file=sys.stderr)
        return False

    @contextmanager
    def writing(self, kind: str, key: str) -> Iterator[Path]:
        """Yield an empty folder that becomes the entry when the body ends without an error.

        It is on the disk with its manifest of sizes and hashes before it gets its name.

        Raises:
            CacheError: the disk is full or the folder cannot be written.
        """
        final = self.entry(kind, key)
        draft = final.parent / f"{_DRAFT}{uuid.uuid4().hex}"
        try:
            draft.mkdir(parents=True)
            _remove_old_drafts(final.parent)
            yield draft
            (draft / _MANIFEST).write_text(json.dumps(_manifest(draft)))
            synchronise_below(draft)
            try:
                draft.replace(final)
            except OSError:
                if not final.is_dir():  # another process was faster
                    raise
            synchronise(final.parent)
        except OSError as error:
            existing = next(folder for folder in final.parents if folder.exists())
            free_mb = shutil.disk_usage(existing).free / 1e6
            raise CacheError(
                f"The cache {final.parent} cannot be written ({error.strerror or error}), with "
                f"{free_mb:.0f} MB free on its disk; free some space or set tracking.root elsewhere."
            ) from error
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def synchronise(path: Path) -> None:
    """Write a file, or the entries of a folder where the platform can, to the disk.

    Raises:
        OSError: it is gone, or the disk failed.
    """
    if os.name != "posix" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def synchronise_below(folder: Path) -> None:
    """Write a folder and all that lies in it to the disk."""
    for path in (*folder.rglob("*"), folder):
        synchronise(path)


def _manifest(entry: Path) -> dict[str, tuple[int, str] | None]:
    """Return size and hash of each file by its place in the entry."""
    return {str(path.relative_to(entry)): _facts(path) for path in sorted(entry.rglob("*")) if path.is_file()}


def _facts(path: Path) -> tuple[int, str] | None:
    return (path.stat().st_size, file_digest(path)) if path.is_file() else None


def _is_whole(entry: Path) -> bool:
    """Return whether the files are those of the manifest; entries of the first releases have none."""
    manifest = entry / _MANIFEST
    if not manifest.is_file():
        return all(path.stat().st_size for path in entry.rglob("*") if path.is_file())
    try:
        told = {name: tuple(facts) for name, facts in json.loads(manifest.read_text()).items()}
    except (ValueError, TypeError, AttributeError):
        return False
    return all(_facts(entry / name) == facts for name, facts in told.items())


def _remove_old_drafts(folder: Path) -> None:
    """Remove what writers that were killed left behind."""
    for draft in folder.glob(f"{_DRAFT}*"):
        try:
            if draft.stat().st_mtime < time.time() - _OLD_S:
                shutil.rmtree(draft, ignore_errors=True)
        except FileNotFoundError:  # its writer has just ended
            continue

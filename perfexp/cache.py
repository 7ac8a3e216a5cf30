"""Files below ``mlruns/cache``: written whole or not at all, found again by content key."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from perfexp.errors import CacheError


def digest(facts: Mapping[str, object]) -> str:
    """Return a short stable hash of plain values: 16 hexadecimal digits of SHA-256."""
    text = json.dumps(facts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def file_digest(path: Path) -> str:
    """Return the hash of a file's bytes; read once as long as size and time stay the same."""
    stat = path.stat()
    return _file_digest(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=64)
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
        """Return whether the entry was written completely."""
        return self.entry(kind, key).is_dir()

    @contextmanager
    def writing(self, kind: str, key: str) -> Iterator[Path]:
        """Yield an empty folder that becomes the entry when the body ends without an error.

        Raises:
            CacheError: the disk is full or the folder cannot be written.
        """
        final = self.entry(kind, key)
        draft: Path | None = None
        try:
            final.parent.mkdir(parents=True, exist_ok=True)
            draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=final.parent))
            yield draft
            try:
                draft.replace(final)
            except OSError:
                if not final.is_dir():  # another process was faster
                    raise
        except OSError as error:
            existing = next(folder for folder in final.parents if folder.exists())
            free_mb = shutil.disk_usage(existing).free / 1e6
            raise CacheError(
                f"The cache {final.parent} cannot be written ({error.strerror or error}), with "
                f"{free_mb:.0f} MB free on its disk; free some space or set tracking.root elsewhere."
            ) from error
        finally:
            if draft is not None:
                shutil.rmtree(draft, ignore_errors=True)

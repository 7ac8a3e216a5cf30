"""Rounds of cells that have no run yet: a stopped sweep goes on from them, and loses one round at most."""

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

from perfexp.cache import synchronise
from perfexp.console import say
from perfexp.errors import CacheError, first_line
from perfexp.records import FORMAT, Measurement


class KeptRounds:
    """One file a cell below ``mlruns/rounds``, one line a round, on the disk before the next round begins."""

    def __init__(self, root: Path) -> None:
        self._folder = root.absolute() / "rounds"

    def add(self, key: str, measured: Measurement) -> None:
        """Keep one more round of the cell with this key.

        Raises:
            CacheError: the disk is full or the folder cannot be written.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with self._path(key).open("a") as file:
                file.write(json.dumps(asdict(measured)) + "\n")
                file.flush()
                os.fsync(file.fileno())
            synchronise(self._folder)
        except OSError as error:
            raise CacheError(
                f"A finished round cannot be kept in {self._path(key)} ({error.strerror or error}); free "
                "some space or set tracking.root elsewhere."
            ) from error

    def of(self, key: str) -> list[Measurement]:
        """Return the kept rounds of a cell; what cannot be read is said, and measured again."""
        from pydantic import TypeAdapter, ValidationError

        path = self._path(key)
        found: list[Measurement] = []
        if not path.is_file():
            return found
        for line in path.read_text(errors="replace").splitlines():
            try:
                measured = TypeAdapter(Measurement).validate_json(line)
            except ValidationError as error:
                say(f"A round in {path} cannot be read ({first_line(error)}).", file=sys.stderr)
                continue
            if measured.format == FORMAT and measured.blocks:
                found.append(measured)
        return found

    def remove(self, key: str) -> None:
        """Forget the rounds of a cell whose run is written."""
        self._path(key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.jsonl"

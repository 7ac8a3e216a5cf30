"""For how long writers on other machines have been silent, by the clock of this machine alone.

Clocks of two machines may differ by anything. So what counts is for how long this machine has seen the same
unfinished run of the same writer; a file below ``mlruns/unfinished`` keeps since when, until the machine is
started anew.
"""

import json
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from perfexp.cache import digest
from perfexp.store import owner


@dataclass(frozen=True)
class _Seen:
    """What this machine has seen since it started: each run's writer, and the second of the clock."""

    boot: str
    since: Mapping[str, tuple[str, float]] = field(default_factory=dict)


def seconds(root: Path, experiment: str, writers: Mapping[str, owner.Writer], now: float) -> dict[str, float]:
    """Return for how long each run has been seen with the same writer, 0 where it is seen first.

    Args:
        root: the folder that holds the spool.
        experiment: what tells the experiment from others of all stores.
        writers: the writers of all unfinished runs of other machines, by run id.
        now: of ``time.monotonic``, which all processes share and nobody can set.
    """
    place = digest({"experiment": experiment, "host": socket.gethostname(), "machine": owner.machine()})
    path = root / "unfinished" / f"{place}.json"
    before = _read(path)
    since = {}
    for run_id, writer in writers.items():
        text, at = before.get(run_id, ("", now))
        since[run_id] = (writer.text(), at if text == writer.text() else now)
    if since != before:
        with suppress(OSError):  # then nobody is taken for dead
            _write(path, _Seen(owner.boot(), since))
    return {run_id: now - at for run_id, (_text, at) in since.items()}


def _read(path: Path) -> Mapping[str, tuple[str, float]]:
    from pydantic import TypeAdapter, ValidationError

    try:
        seen = TypeAdapter(_Seen).validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError):
        return {}
    return seen.since if seen.boot == owner.boot() else {}


def _write(path: Path, seen: _Seen) -> None:
    if not seen.since:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(asdict(seen)), encoding="utf-8")
    draft.replace(path)

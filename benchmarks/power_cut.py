"""What a power cut leaves of what was reported as kept: ``python -m benchmarks.power_cut [--cuts 60]``.

A process writes runs with artifacts, rounds and cache entries to an ext4 image that is mounted with the
longest delay before the kernel writes by itself. At random moments it is suspended, and the image is
copied: the copy is what the disk would hold. Everything that the process had reported by then must be
whole in the copy. Needs Linux, root, and loop devices.
"""

import argparse
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from rich.console import Console

from perfexp.cache import Cache
from perfexp.console import table
from perfexp.records import Block, Measurement
from perfexp.store.outbox import file as outbox_file
from perfexp.store.run_data import RunData
from perfexp.store.tracker import open_tracker
from perfexp.sweep.kept_rounds import KeptRounds

IMAGE_MB, PAUSE_S = 192, 0.05
ROUND = Measurement({"latency_p50_ms": 1.0}, {}, (1.0,), (), {}, {}, {}, {}, blocks=(Block((1.0,)),))
FILES = {"samples.json": 4_000, "config.yaml": 900, "samples.png": 9_000}


def write(root: Path) -> None:
    """Write for ever, and report each thing on stdout once it is said to be kept."""
    tracker, cache, rounds = open_tracker(None, root, None), Cache(root / "cache"), KeptRounds(root)
    for number in range(100_000):
        rounds.add(f"{number:016x}", ROUND)
        print(json.dumps({"round": f"{number:016x}"}), flush=True)
        with cache.writing("model", f"{number:016x}") as folder:
            (folder / "weights.bin").write_bytes(os.urandom(5_000))
        print(json.dumps({"entry": f"{number:016x}"}), flush=True)
        files = {name: "x" * size for name, size in FILES.items()}
        latency = [("latency_p50_ms", 1.0, 0)]
        run = RunData(f"{number}", "FINISHED", 1000, latency, {}, {"kind": "cell"}, files)
        print(json.dumps({"run": tracker.submit(run)}), flush=True)
        time.sleep(PAUSE_S)


@contextmanager
def mounted(image: Path, place: Path) -> Iterator[Path]:
    """Mount an image for the body."""
    place.mkdir(exist_ok=True)
    subprocess.run(["mount", "-o", "loop,commit=300", str(image), str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def reports(seen: Path) -> list[dict[str, str]]:
    """Return what the writer has reported."""
    return [json.loads(line) for line in seen.read_text().splitlines(keepends=True) if line[-1] == "\n"]


def faults(root: Path, told: list[dict[str, str]], was: Path) -> Iterator[str]:
    """Yield what was reported and is not whole below ``root``, which had been ``was``."""
    with closing(sqlite3.connect(f"file:{root}/mlflow.db?mode=rw", uri=True)) as store:
        if store.execute("PRAGMA integrity_check").fetchone() != ("ok",):
            yield "database"
        runs = dict(store.execute("SELECT run_uuid, artifact_uri FROM runs WHERE status = 'FINISHED'"))
    for path in (root / "spool").glob("*.zip"):
        with outbox_file.unpacked(path):
            pass
    cache, rounds = Cache(root / "cache"), KeptRounds(root)
    for what, name in ((what, name) for line in told for what, name in line.items()):
        if what == "run":
            place = Path(runs.get(name, f"{was}/gone").removeprefix("file://")).relative_to(was)
            found = {f: (root / place / f).stat().st_size for f in FILES if (root / place / f).is_file()}
            whole = found == FILES
        else:
            whole = cache.has("model", name) if what == "entry" else len(rounds.of(name)) == 1
        if not whole:
            yield what


def main() -> None:
    """Cut the power of a writer many times, and print what was lost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cuts", type=int, default=60)
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.write:
        write(arguments.write)
    lost, reported = Counter[str](), Counter[str]()
    with tempfile.TemporaryDirectory(prefix="perfexp-cut-") as folder:
        image, copy, seen = Path(folder, "disk"), Path(folder, "copy"), Path(folder, "told")
        image.write_bytes(b"")
        os.truncate(image, IMAGE_MB * 1_000_000)
        subprocess.run(["mkfs.ext4", "-q", str(image)], check=True)
        with mounted(image, Path(folder, "mounted")) as place, seen.open("wb") as out:
            root = place / "mlruns"
            command = [sys.executable, "-m", "benchmarks.power_cut", "--write", str(root)]
            writer = subprocess.Popen(command, stdout=out)
            chance, told = random.Random(0), list[dict[str, str]]()
            for _ in range(arguments.cuts):
                before = len(told)
                while len(told) < before + 3:
                    time.sleep(chance.uniform(0.01, 0.3))
                    told = reports(seen)
                writer.send_signal(signal.SIGSTOP)
                told = reports(seen)
                subprocess.run(["cp", "--sparse=always", str(image), str(copy)], check=True)
                writer.send_signal(signal.SIGCONT)
                with mounted(copy, Path(folder, "cut")) as cut:
                    lost.update(faults(cut / "mlruns", told, root))
                reported.update(what for line in told[before:] for what in line)
            writer.kill()
            writer.wait()
    rows = [(what, str(reported[what]), str(lost[what])) for what in ("run", "round", "entry", "database")]
    columns = {"what": False, "reported as kept": True, "missing or empty after a cut": True}
    Console().print(table(f"{arguments.cuts} power cuts", columns, rows))


if __name__ == "__main__":
    main()

"""Kept sweeps told again: ``python -m benchmarks.retell FOLDER``, which benchmarks.repeatability --keep made.

The raw batches and readings of the host's pace are those that were measured; medians, intervals and
verdicts are made of them again, as today's perfexp makes them. So a change of the estimator can be judged
on the same hour.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from benchmarks.repeatability import METHODS, runs_of, summary
from perfexp.cache import Cache
from perfexp.config.schema import MeasureConfig
from perfexp.measuring import rounds
from perfexp.measuring.pace import PaceHistory
from perfexp.measuring.round_verdict import judge
from perfexp.records import Block, Measurement, Pace

SETTINGS = MeasureConfig(percentiles=[])


def main() -> None:
    """Tell the sweeps again and print what was found again."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    artifacts = {part: path for path in folder.rglob("samples.json") for part in path.parts}
    frames = [runs_of(folder, name).assign(method=name) for name in METHODS]
    runs = pd.concat(frames).sort_values("start_time")
    runs = runs.assign(measured=[list(_rounds(artifacts[run])) for run in runs["run_id"]])
    runs["ended_s"] = [measured[-1].began_s for measured in runs["measured"]]
    with tempfile.TemporaryDirectory() as cache:
        told = pd.DataFrame(_told(runs, PaceHistory(Cache(Path(cache)), 0)))
    summary({name: told[told["method"] == name] for name in METHODS})


def _rounds(path: Path) -> Iterator[Measurement]:
    stored = json.loads(path.read_text())["rounds"]
    judged = json.loads(path.with_name("certificate.json").read_text())["rounds"]
    for one, evidence in zip(stored, judged, strict=True):
        blocks = tuple(
            Block(tuple(block["samples_ms"]), Pace(**block["before"]), Pace(**block["after"]))
            for block in one["blocks"]
        )
        samples_ms = tuple(ms for block in blocks for ms in block.samples_ms)
        yield Measurement(
            evidence["evidence"], {}, samples_ms, (), {}, {}, {}, {}, blocks=blocks, began_s=one["began_s"]
        )


def _told(runs: pd.DataFrame, history: PaceHistory) -> Iterator[dict[str, object]]:
    """Yield each run as it would be told at its end, by what was known of the host's pace then."""
    taken = sorted((one for measured in runs["measured"] for one in measured), key=lambda one: one.began_s)
    for run in runs.sort_values("ended_s").itertuples():
        while taken and taken[0].began_s <= run.ended_s:
            history.learn(taken[0].blocks, taken.pop(0).began_s)
        own = history.own(run.ended_s) if run.method != "one process" else None
        made = rounds.combine(judge(run.measured, SETTINGS, own), run.batch_size, SETTINGS)
        yield {
            **{name: getattr(run, name) for name in ("method", "model", "backend", "batch_size")},
            **made.metrics,
            **made.labels,
        }


if __name__ == "__main__":
    main()

"""Reports of OpenVINO's benchmark_app: benchmark_report.csv, or .json with ``-json_stats``."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from perfexp import tables
from perfexp.published._cells import positive, whole
from perfexp.published.base import Broken, Row, Source, SourceConfig, files_below, required

_MEAN = ("avg latency", "average latency (ms)")
"""How the two programs of that name, in Python and in C++, call the mean time of a batch in ms."""
_METRICS = {
    "latency (ms)": "latency_p50_ms",
    "min latency": "latency_min_ms",
    "max latency": "latency_max_ms",
    "first inference time (ms)": "first_inference_ms",
}
_SECTIONS = ("configuration setup", "execution results")
_FILE = "-m"
"""The option that names the network's file: the topology is what its exporter called it."""


@dataclass
class BenchmarkAppConfig(SourceConfig):
    """``path`` is a report, or a folder with reports."""

    name: str = "benchmark_app"


class BenchmarkAppSource(Source):
    """One row per report; one that ran several requests at once tells no latency of a batch alone."""

    Config = BenchmarkAppConfig
    citation = "OpenVINO benchmark_app"

    def title(self, path: Path | None) -> str:
        return "benchmark_app"

    def rows(self, path: Path | None) -> Iterator[Row | Broken]:
        for file in files_below(
            required(path, "benchmark_app"), "benchmark_report.csv", "benchmark_report.json"
        ):
            try:
                yield _row(file.name, _facts(file, self.config.encoding))
            except (ValueError, KeyError) as error:
                reason = f"it has no {error}" if isinstance(error, KeyError) else str(error)
                yield Broken(str(file), reason)


def _facts(file: Path, encoding: str | None) -> dict[str, str]:
    """Return a report's settings and results by their names, in small letters.

    Raises:
        ConfigError: the file cannot be read.
        ValueError: it is no report.
    """
    text = tables.decoded(file, encoding, "give a report of benchmark_app")
    if file.suffix == ".json":
        sections = json.loads(text)
        if not isinstance(sections, dict):
            raise ValueError("it is no report of benchmark_app")
        found = {k: v for part in sections.values() for k, v in dict(part).items()}
    else:
        found = dict(_pairs(text))
    return {str(name).lower(): str(value) for name, value in found.items()}


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    told = False
    for line in text.splitlines():
        name, mark, value = line.partition(";")
        if not mark and line.strip():
            told = line.strip().lower() in _SECTIONS
        elif mark and (told or name == _FILE):
            yield name.strip(), value.strip()


def _row(where: str, facts: Mapping[str, str]) -> Row:
    if (requests := whole(facts, "number of parallel infer requests")) > 1:
        raise ValueError(
            f"{requests} requests ran at once, so that its latency is not that of a batch alone; "
            "repeat it with -nireq 1"
        )
    mean = next((name for name in _MEAN if name in facts), _MEAN[0])
    device = facts["target device"]
    model = Path(facts[_FILE]).stem if facts.get(_FILE) else facts["topology"]
    return Row(
        where=where,
        model=model,
        backend=f"benchmark_app-{device}",
        batch_size=whole(facts, "batch size"),
        latency_mean_ms=positive(facts, mean),
        metrics={name: positive(facts, own) for own, name in _METRICS.items() if own in facts},
        params={"backend.device": device},
        tags={"display_name": model},
    )


SOURCE = BenchmarkAppSource

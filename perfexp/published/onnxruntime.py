"""Results of onnxruntime_perf_test: the file that ``-r`` or its last argument names."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np

from perfexp import tables
from perfexp.config.options import option
from perfexp.published.base import Broken, Row, Source, SourceConfig, required

_FIELDS = 5
"""Of a line: model, seconds of a batch, peak working set in bytes, CPU usage, number of the run."""


@dataclass
class OnnxRuntimeConfig(SourceConfig):
    """``path`` is the result file, whose lines do not tell the batch size."""

    name: str = "onnxruntime"
    batch_size: int = option(1, "images in a batch, which the file does not tell")
    backend: str = option("onnxruntime_perf_test", "name of the runs' backend")


class OnnxRuntimeSource(Source):
    """One row per model: all its lines are timed batches."""

    Config = OnnxRuntimeConfig
    citation = "onnxruntime_perf_test"
    config: OnnxRuntimeConfig

    def title(self, path: Path | None) -> str:
        return path.stem if path else "onnxruntime"

    def rows(self, path: Path | None) -> Iterator[Row | Broken]:
        file = required(path, "onnxruntime")
        lines = tables.decoded(file, self.config.encoding, "give path= a result file").splitlines()
        samples_ms: dict[str, list[float]] = {}
        for number, line in enumerate(lines, 1):
            fields = line.rsplit(",", _FIELDS - 1)
            if len(fields) < _FIELDS:  # the summary below the samples
                continue
            try:
                seconds = float(fields[1])
                if not 0 < seconds < float("inf"):
                    raise ValueError(f"{fields[1]} seconds are no time of a batch")
            except ValueError as error:
                yield Broken(f"{file.name} line {number}", str(error))
                continue
            samples_ms.setdefault(Path(fields[0]).stem or file.stem, []).append(1e3 * seconds)
        for model, times_ms in samples_ms.items():
            yield self._row(file.name, model, times_ms)

    def _row(self, where: str, model: str, samples_ms: list[float]) -> Row:
        metrics = {
            "latency_p50_ms": float(np.median(samples_ms)),
            "latency_min_ms": min(samples_ms),
            "latency_max_ms": max(samples_ms),
            "iterations": float(len(samples_ms)),
        }
        return Row(
            where=where,
            model=model,
            backend=self.config.backend,
            batch_size=self.config.batch_size,
            latency_mean_ms=fmean(samples_ms),
            metrics=metrics,
            tags={"display_name": model},
        )


SOURCE = OnnxRuntimeSource

"""Results of optimum-benchmark: benchmark.json, or benchmark_report.json beside benchmark_config.json."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, Field, PositiveFloat, PositiveInt, ValidationError

from perfexp import tables
from perfexp.errors import ConfigError
from perfexp.published.base import Broken, Row, Source, SourceConfig, files_below, required

_WHOLE, _REPORT, _CONFIG = "benchmark.json", "benchmark_report.json", "benchmark_config.json"
_MAX_BYTES = 100_000_000


class _Latency(BaseModel):
    unit: Literal["s"]
    values: list[PositiveFloat] = Field(min_length=1)


class _Forward(BaseModel):
    latency: _Latency


class _Report(BaseModel):
    forward: _Forward


class _Backend(BaseModel):
    name: str
    model: str
    device: str
    library: str | None = None


class _Shapes(BaseModel):
    batch_size: PositiveInt


class _Scenario(BaseModel):
    input_shapes: _Shapes


class _Config(BaseModel):
    backend: _Backend
    scenario: _Scenario


class _Both(BaseModel):
    config: _Config
    report: _Report


@dataclass
class OptimumConfig(SourceConfig):
    """``path`` is a result, or a folder with results."""

    name: str = "optimum"


class OptimumSource(Source):
    """One row per benchmark, of its forward passes."""

    Config = OptimumConfig
    citation = "optimum-benchmark"

    def title(self, path: Path | None) -> str:
        return "optimum-benchmark"

    def rows(self, path: Path | None) -> Iterator[Row | Broken]:
        found = files_below(required(path, "optimum"), _WHOLE, _REPORT)
        folders = {file.parent for file in found if file.name == _WHOLE}
        for file in found:
            if file.name == _REPORT and file.parent in folders:
                continue  # the same benchmark
            try:
                yield _row(file, self.config.encoding)
            except ValidationError as error:
                first = error.errors(include_url=False)[0]
                place = ".".join(map(str, first["loc"]))
                yield Broken(str(file), f"{place or 'the file'}: {first['msg']}")


def _row(file: Path, encoding: str | None) -> Row:
    if file.name == _REPORT:
        config = _Config.model_validate_json(_text(file.with_name(_CONFIG), encoding))
        report = _Report.model_validate_json(_text(file, encoding))
    else:
        both = _Both.model_validate_json(_text(file, encoding))
        config, report = both.config, both.report
    backend, samples_ms = config.backend, 1e3 * np.array(report.forward.latency.values)
    model = backend.model.rpartition("/")[2] if backend.library == "timm" else backend.model
    return Row(
        where=str(file),
        model=model,
        backend=f"optimum-{backend.name}",
        batch_size=config.scenario.input_shapes.batch_size,
        latency_mean_ms=float(samples_ms.mean()),
        metrics={"latency_p50_ms": float(np.median(samples_ms)), "iterations": float(len(samples_ms))},
        params={"backend.device": backend.device},
        tags={"display_name": model},
    )


def _text(file: Path, encoding: str | None) -> str:
    if file.is_file() and file.stat().st_size > _MAX_BYTES:
        raise ConfigError(f"{file} is larger than a result of one benchmark; give path= such a file.")
    return tables.decoded(file, encoding, f"a report lies beside its {_CONFIG}")


SOURCE = OptimumSource

"""The published tables of pytorch-image-models: inference benchmarks, joined with ImageNet accuracy."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from perfexp.errors import ConfigError
from perfexp.published._cells import named, positive, whole
from perfexp.published.base import Broken, Row, Source, SourceConfig, required
from perfexp.tables import Line

_TIMED = {"model", "infer_step_time", "infer_batch_size", "infer_img_size"}
_JUDGED = {"model", "img_size", "top1", "top5"}
_IMAGENET = "results-imagenet.csv"
"""The other results-*.csv have the same columns, with accuracies on other test sets."""
Accuracies = dict[tuple[str, int], tuple[float, float, str]]
"""The best top-1, its top-5 and the weights' name, by architecture and input size."""
_PRECISIONS = {"fp32": "f32", "bf16": "bf16", "fp16": "f16", "amp": "amp"}


@dataclass
class TimmConfig(SourceConfig):
    """``path`` is a benchmark table, or a folder of them, with or without the accuracy table."""

    name: str = "timm"


class TimmSource(Source):
    """``infer_step_time`` is the time of a batch in ms: batch size over it gives the samples per second.

    A benchmark names an architecture and a size, the accuracy table weights and a size: the accuracy
    of the architecture's best weights at that size is joined, with the weights' name.
    """

    Config = TimmConfig
    citation = "R. Wightman, pytorch-image-models, results/ (Apache-2.0)"

    def title(self, path: Path | None) -> str:
        return "timm"

    def rows(self, path: Path | None) -> Iterator[Row | Broken]:
        tables = {}
        for file in _files(required(path, "timm")):
            tables[file], broken = self.read(file)
            yield from broken
        timed = {file: table.lines for file, table in tables.items() if set(table.header) >= _TIMED}
        if not timed:
            raise ConfigError(
                f"{path} holds no benchmark table of timm (no file with the columns "
                f"{', '.join(sorted(_TIMED))}); give path= one of its benchmark-infer-*.csv."
            )
        accuracies: Accuracies = {}
        for file, table in tables.items():
            if file.name == _IMAGENET and set(table.header) >= _JUDGED:
                yield from _judge(file, table.lines, accuracies)
            elif file not in timed:
                yield Broken(file.name, f"it is no benchmark; accuracies come from {_IMAGENET} alone")
        for file, lines in timed.items():
            settings = _settings(file)
            for number, cells in lines:
                where = f"{file.name} line {number}"
                try:
                    yield _row(where, cells, settings, accuracies)
                except ValueError as error:
                    yield Broken(where, str(error))


def _files(path: Path) -> list[Path]:
    return sorted(path.glob("*.csv")) if path.is_dir() else [path]


def _judge(file: Path, lines: Sequence[Line], into: Accuracies) -> Iterator[Broken]:
    """Fill ``into`` with each architecture's best weights by input size; yield broken lines."""
    for number, cells in lines:
        try:
            weights, size = named(cells, "model"), whole(cells, "img_size")
            found = positive(cells, "top1"), positive(cells, "top5"), weights
        except ValueError as error:
            yield Broken(f"{file.name} line {number}", str(error))
            continue
        for name in {weights, weights.partition(".")[0]}:
            if (name, size) not in into or found[0] > into[name, size][0]:
                into[name, size] = found


def _settings(file: Path) -> Mapping[str, str]:
    """Return the settings in a file name such as ``benchmark-infer-amp-nchw-pt240-cu124-rtx4090``."""
    words = file.stem.removeprefix("benchmark-infer-").split("-")
    precision = next((_PRECISIONS[word] for word in words if word in _PRECISIONS), "")
    settings = {"backend.name": "torch-" + "-".join(words), "backend.precision": precision}
    return settings | {"backend.device": "cpu" if "cpu" in words else "cuda"}


def _row(where: str, cells: Mapping[str, str], settings: Mapping[str, str], accuracies: Accuracies) -> Row:
    model, size = named(cells, "model"), whole(cells, "infer_img_size")
    facts = (("params", "param_count", 1e6), ("macs", "infer_gmacs", 1e9))
    metrics = {name: float(round(positive(cells, c) * scale)) for name, c, scale in facts if cells.get(c)}
    tags = {"family": _family(model), "display_name": model, "effective.input_size": str(size)}
    if (model, size) in accuracies:
        metrics["published_top1"], metrics["published_top5"], tags["published_weights"] = accuracies[
            model, size
        ]
    return Row(
        where=where,
        model=model,
        backend=settings["backend.name"],
        batch_size=whole(cells, "infer_batch_size"),
        latency_mean_ms=positive(cells, "infer_step_time"),
        metrics=metrics,
        params={"model.source": "timm", **settings},
        tags=tags,
    )


def _family(model: str) -> str:
    """Return the first word of the architecture's name, also for ports from other frameworks."""
    word = re.match(r"[a-z]+", model.removeprefix("tf_").lower())
    return word[0] if word else model


SOURCE = TimmSource

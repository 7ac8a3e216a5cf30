"""Rows of a published table as runs, completed with what is known about their models."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from perfexp.cache import Cache, digest
from perfexp.config import catalog
from perfexp.config.schema import BackendConfig, Cell, ModelConfig
from perfexp.models import network
from perfexp.published.base import Broken, Row
from perfexp.records import FINISHED, RunKind
from perfexp.store.run_data import RunData

Facts = tuple[dict[str, float], dict[str, str], dict[str, str]]
"""Metrics, params and tags of a model."""


def key(row: Row, title: str) -> str:
    """Return the hash of a row's content, wherever it stands in the table."""
    numbers = {"batch_size": row.batch_size, "latency_mean_ms": row.latency_mean_ms, **row.metrics}
    texts = {"model": row.model, "backend": row.backend, "published_in": title, **row.params, **row.tags}
    return digest({"numbers": {k: repr(v) for k, v in numbers.items()}, "texts": texts})


def without_doubles(rows: Sequence[Row]) -> tuple[list[Row], list[Broken]]:
    """Return the rows without those whose cell another row has; of equal rows the first is kept."""
    by_cell: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        size = row.tags.get("effective.input_size", "")
        cell = (row.model, row.backend, row.batch_size, size, *sorted(row.params.items()))
        by_cell.setdefault(cell, []).append(row)
    broken: list[Broken] = []
    kept: list[Row] = []
    for same in by_cell.values():
        first, *others = same
        if len({row.latency_mean_ms for row in same}) == 1:
            kept.append(first)
            broken += [Broken(row.where, f"it repeats {first.where}") for row in others]
        else:
            values = " and ".join(f"{row.latency_mean_ms:g} ms ({row.where})" for row in same[:2])
            reason = f"{first.model} at batch size {first.batch_size} has several latencies, {values}"
            broken += [Broken(row.where, reason) for row in same]
    return kept, broken


def with_facts(rows: Mapping[str, Row], cache: Cache) -> dict[str, Row]:
    """Add what conf/model/ and the model's library know to the rows that name no library.

    Raises:
        ModelError: a model cannot be described.
        CacheError: the cache cannot be written.
    """
    known = catalog.models()
    unknown = {row.model for row in rows.values() if "model.source" not in row.params}
    facts = {model: _facts(known[model], cache) for model in sorted(unknown & known.keys())}
    nothing: Facts = ({}, {}, {})
    return {name: _with(row, facts.get(row.model, nothing)) for name, row in rows.items()}


def published_run(row: Row, cell_key: str, title: str, citation: str, now_ms: int) -> RunData:
    """Return the run of one row: shaped as a cell's, but of the kind ``published``."""
    per_image_ms = row.latency_mean_ms / row.batch_size
    metrics = {
        "latency_mean_ms": row.latency_mean_ms,
        "latency_per_image_ms": per_image_ms,
        "throughput_images_per_s": 1e3 / per_image_ms,
        **row.metrics,
    }
    params = {
        "model.name": row.model,
        "backend.name": row.backend,
        "batch_size": str(row.batch_size),
        **row.params,
    }
    source = {"published_in": title, "citation": citation, "table_line": row.where}
    tags = {"kind": RunKind.PUBLISHED, "cell_key": cell_key, "model": row.model, **row.tags, **source}
    return RunData(
        name=f"{row.model} {row.backend} b{row.batch_size}",
        status=FINISHED,
        started_ms=now_ms,
        metrics=[(name, value, 0) for name, value in metrics.items()],
        params=params,
        tags={k: v for k, v in tags.items() if v},
    )


def _with(row: Row, facts: Facts) -> Row:
    """Return the row with the facts that it does not state, and its accuracy per million parameters."""
    metrics, params, tags = facts
    metrics = {**metrics, **row.metrics}
    for rank in ("top1", "top5"):
        if f"published_{rank}" in metrics and "params" in metrics:
            metrics[f"{rank}_density"] = metrics[f"published_{rank}"] / (metrics["params"] / 1e6)
    return replace(row, metrics=metrics, params={**params, **row.params}, tags={**tags, **row.tags})


def _facts(model: ModelConfig, cache: Cache) -> Facts:
    """Return the facts of a model at its default input size; they are cached."""
    cell = Cell(model, BackendConfig("torch"), str(cache.root))
    found = network.find(cell, cache) or network.describe(cell, cache)
    tags = found.labels() | {"macs_input_size": str(found.input_size)}
    return found.metrics()[0], {"model.source": model.source}, tags

"""What happens inside a worker: prepare what is cached, or measure one cell."""

import time
from collections.abc import Sequence

import numpy as np

from perfexp import backends
from perfexp.backends.base import Images, Session
from perfexp.cache import Cache
from perfexp.config import Cell
from perfexp.errors import BackendError
from perfexp.measure import environment, latency, memory
from perfexp.network import CellNetwork, Description, describe, find
from perfexp.phases import Phases
from perfexp.records import Measurement

_SECONDS_LOGGED = ("build", "convert", "load", "compile")


def is_prepared(cell: Cell, cache: Cache) -> bool:
    """Whether ``measure`` can start at once; imports no framework."""
    network = find(cell, cache)
    return network is not None and backends.create(cell.backend).is_prepared(network, cache)


def prepare(cell: Cell, cache: Cache, phases: Phases) -> None:
    """Describe the model and convert it: once for all batch sizes, apart from any measurement."""
    with phases.timed("describe"):
        network = find(cell, cache) or describe(cell, cache)
    backend = backends.create(cell.backend)
    with phases.timed("imports"):
        backend.start()
    if not backend.is_prepared(network, cache):
        backend.prepare(network, cache, phases)


def measure(cell: Cell, cache: Cache, phases: Phases) -> Measurement:
    """Load the model, warm up, time it, and account for its memory.

    Raises:
        PerfexpError: the backend refuses the cell, or does not do what was asked.
    """
    network = find(cell, cache)
    if network is None:
        raise BackendError("The cell was measured before it was prepared; call prepare first.")
    backend = backends.create(cell.backend)
    with phases.timed("imports"):
        backend.start()
        memory.settle()
    baseline_mb = memory.resident_mb()
    session = backend.load(network, cell.batch_size, cache, phases)
    try:
        return _measure_session(cell, network, session, baseline_mb, phases)
    finally:
        session.close()


def _measure_session(
    cell: Cell, network: CellNetwork, session: Session, baseline_mb: float, phases: Phases
) -> Measurement:
    memory.settle()
    loaded_mb = memory.resident_mb()
    with phases.timed("inputs"):
        session.bind(random_inputs(cell, network.input_size))
    no_peak = memory.reset_peak()
    with phases.timed("first inference"):
        first_ms = _first_inference_ms(session)
    effective = {**session.effective(), "timed_region": session.timed_region}
    _confirm(cell, effective)
    timing = latency.time_batches(session.infer, cell.measure)
    phases.seconds["warm-up"] = sum(timing.warmup_ms) / 1e3
    phases.seconds["timed"] = sum(timing.samples_ms) / 1e3
    metrics = {
        **latency.summarise(timing.samples_ms, cell.batch_size),
        "warmup_iterations": float(len(timing.warmup_ms) + 1),
        "first_inference_ms": first_ms,
        "memory_baseline_mb": baseline_mb,
        "memory_model_mb": loaded_mb - baseline_mb,
    }
    absent: dict[str, str] = {}
    if no_peak:
        absent["memory_peak_mb"] = no_peak
    else:
        metrics["memory_peak_mb"] = memory.peak_mb() - baseline_mb
    stored = session.model_bytes()
    if stored is None:
        absent["model_size_mb"] = f"the {cell.backend.name} backend stores no model"
    else:
        metrics["model_size_mb"] = stored / 1e6
    metrics.update({f"{name}_s": phases.seconds[name] for name in _SECONDS_LOGGED if name in phases.seconds})
    published, unpublished = _published(network.description)
    return Measurement(
        metrics={**metrics, **published},
        absent={**absent, **unpublished},
        samples_ms=timing.samples_ms,
        warmup_ms=(first_ms, *timing.warmup_ms),
        effective={**effective, "input_size": str(network.input_size)},
        labels=_labels(cell, network.description),
        environment=environment.snapshot(),
        phases_s=dict(phases.seconds),
    )


def random_inputs(cell: Cell, input_size: int) -> Sequence[Images]:
    """Seeded noise batches of shape ``(batch_size, 3, input_size, input_size)``."""
    generator = np.random.default_rng(cell.seed)
    shape = (cell.batch_size, 3, input_size, input_size)
    return [generator.standard_normal(shape, dtype=np.float32) for _ in range(cell.measure.input_buffers)]


def _first_inference_ms(session: Session) -> float:
    start = time.perf_counter_ns()
    session.infer(0)
    return (time.perf_counter_ns() - start) / 1e6


def _confirm(cell: Cell, effective: dict[str, str]) -> None:
    """Fail the cell when the runtime did not do as it was told."""
    asked = {"precision": cell.backend.precision.value, "training": "False"}
    if cell.backend.threads is not None:
        asked["threads"] = str(cell.backend.threads)
    for what, wanted in asked.items():
        found = effective.get(what, wanted)
        if found != wanted:
            raise BackendError(
                f"{cell.backend.name} on {cell.backend.device} reports {what} {found} where {wanted} "
                f"was asked for; ask for {found}, or use another device."
            )


def _published(known: Description) -> tuple[dict[str, float], dict[str, str]]:
    """Complexity and published accuracy as metrics, and why some are absent."""
    metrics = {"params": float(known.params), "macs": float(known.macs)}
    absent: dict[str, str] = {}
    for rank, accuracy in (("top1", known.published_top1), ("top5", known.published_top5)):
        if accuracy is None:
            reason = "the model's library publishes no accuracy with its package"
            absent[f"published_{rank}"] = absent[f"{rank}_density"] = reason
        else:
            metrics[f"published_{rank}"] = accuracy
            metrics[f"{rank}_density"] = accuracy / (known.params / 1e6)
    return metrics, absent


def _labels(cell: Cell, known: Description) -> dict[str, str]:
    labels = {
        "family": known.family,
        "display_name": cell.model.display_name or cell.model.name,
    }
    if known.published_weights and known.published_top1 is not None:
        labels["published_weights"] = known.published_weights
    return labels

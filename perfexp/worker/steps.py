"""What happens inside a worker: prepare what is cached, or measure one cell."""

import time
from contextlib import closing
from dataclasses import replace

from perfexp import backends, environment
from perfexp.backends.base import Backend
from perfexp.cache import Cache
from perfexp.config.schema import Cell
from perfexp.errors import BackendError
from perfexp.measuring import latency, memory, pace
from perfexp.measuring.pace import OwnPace, PaceHistory
from perfexp.measuring.parity import IMAGES
from perfexp.models.images import random_batches
from perfexp.models.network import Network, describe, find
from perfexp.phases import Phases
from perfexp.records import Measurement
from perfexp.worker import reference
from perfexp.worker.summary import CellSummary
from perfexp.worker.timing import first_outputs, observe

_SECONDS_LOGGED = ("build", "convert", "load", "compile")


def is_prepared(cell: Cell, backend: Backend, cache: Cache) -> bool:
    """Return whether ``measure`` can start at once; imports no framework."""
    network = find(cell, cache)
    return network is not None and all(_is_cached(network, backend, cache))


def _is_cached(network: Network, backend: Backend, cache: Cache) -> tuple[bool, bool]:
    """Return whether the reference and what the backend loads are in the cache."""
    has_reference = not backend.computes or reference.is_written(network, cache)
    return has_reference, backend.is_prepared(network, cache)


def prepared(cell: Cell, cache: Cache, phases: Phases) -> tuple[Network, Backend]:
    """Return the cell's network and its started backend, with all that ``Backend.load`` needs cached.

    Describing, inferring the reference and converting are done once for all batch sizes.
    """
    with phases.timed("describe"):
        network = describe(cell, cache)
    backend = backends.create(cell.backend)
    with phases.timed("imports"):
        backend.start()
    has_reference, is_converted = _is_cached(network, backend, cache)
    if not (has_reference and is_converted):
        with phases.timed("build"):
            module = network.build()
        if not has_reference:
            with phases.timed("reference"):
                reference.write(network, module, cache)
        if not is_converted:
            backend.prepare(replace(network, module=module), cache, phases)
    return network, backend


def _pace(backend: Backend, cache: Cache) -> tuple[latency.Probe, OwnPace | None]:
    """Return what reads the host's pace, and its own, if it is known.

    Nothing is read beside an accelerator, where nothing is computed, or without the memory for it.
    """
    if backend.physical_device() != "cpu" or not backend.computes:
        return pace.unknown, None
    try:
        probe = pace.Probe(backend.threads())
    except MemoryError:
        return pace.unknown, None
    return probe, PaceHistory(cache, backend.threads()).own(time.time())


def measure(cell: Cell, cache: Cache, phases: Phases) -> Measurement:
    """Load the model, time it, and account for its memory, its energy and its agreement.

    Raises:
        PerfexpError: the backend refuses the cell, or an effective setting is not the requested one.
    """
    began_s, network = time.time(), find(cell, cache)
    if network is None:
        raise BackendError("The cell was measured before it was prepared; call prepare first.")
    backend = backends.create(cell.backend)
    with phases.timed("imports"):
        backend.start()
    with phases.timed("pace"):
        probe, own = _pace(backend, cache)
    account = memory.Account()
    with closing(backend.load(network, cell.batch_size, cache, phases)) as session:
        account.mark_loaded()
        expected = reference.read(network, cache) if backend.computes else None
        with phases.timed("inputs"):
            buffers = cell.measure.input_buffers
            batches = random_batches(cell.seed, buffers, cell.batch_size, network.input_size)
            session.bind(batches)
        summary = CellSummary(cell, labels=network.labels())
        device_memory = session.device_memory()
        account.start_peak()
        session.reset_device_peak()
        observed = observe(cell, session, backend.threads(), batches[0].shape, phases, probe, own)
        summary.add(*account.metrics())
        summary.add_device_memory(device_memory, session.device_memory())
        summary.add_parity(first_outputs(cell, session, IMAGES, observed.inputs_run), expected)
        summary.add_model_size(session.model_bytes(), session.weight_bytes())
    summary.add_timing(observed)
    summary.add(*network.metrics())
    summary.add_evidence(observed)
    summary.add({f"{name}_s": phases.seconds[name] for name in _SECONDS_LOGGED if name in phases.seconds})
    return Measurement(
        metrics=summary.metrics,
        absent=summary.absent,
        samples_ms=observed.timing.samples_ms,
        warmup_ms=(observed.first_ms, *observed.warmup.samples_ms),
        effective={**observed.effective, "input_size": str(network.input_size)},
        labels=summary.labels,
        environment=environment.snapshot(),
        phases_s=dict(phases.seconds),
        blocks=observed.timing.blocks,
        began_s=began_s,
    )

"""What happens inside a worker: prepare what is cached, or measure one cell."""

from collections.abc import Mapping
from dataclasses import dataclass

from perfexp import backends, environment
from perfexp.backends.base import Session
from perfexp.cache import Cache
from perfexp.config.schema import Cell
from perfexp.errors import BackendError
from perfexp.measure import memory, sentinel
from perfexp.measure.parity import IMAGES, Logits
from perfexp.models.images import random_batches
from perfexp.models.network import BuiltNetwork, CellNetwork, describe, find
from perfexp.phases import Phases
from perfexp.records import Measurement
from perfexp.worker import reference
from perfexp.worker.bench import Observation, TimedSession
from perfexp.worker.summary import CellSummary

_SECONDS_LOGGED = ("build", "convert", "load", "compile")


@dataclass(frozen=True)
class _Subject:
    """What is measured, and what was read before it was loaded."""

    cell: Cell
    network: CellNetwork
    session: Session
    threads: int
    account: memory.Account
    pace_ms: Mapping[str, float]


def is_prepared(cell: Cell, cache: Cache) -> bool:
    """Whether ``measure`` can start at once; imports no framework."""
    network, backend = find(cell, cache), backends.create(cell.backend)
    if network is None or not backend.is_prepared(network, cache):
        return False
    return not backend.computes or reference.is_written(network, cache)


def prepare(cell: Cell, cache: Cache, phases: Phases) -> None:
    """Describe, infer the reference, convert: once for all batch sizes, apart from any measurement."""
    with phases.timed("describe"):
        network = describe(cell, cache)
    backend = backends.create(cell.backend)
    with phases.timed("imports"):
        backend.start()
    if is_prepared(cell, cache):
        return
    with phases.timed("build"):
        module = network.build()
    if backend.computes and not reference.is_written(network, cache):
        with phases.timed("reference"):
            reference.write(network, module, cache)
    if not backend.is_prepared(network, cache):
        built = BuiltNetwork(network.key, network.input_size, network.calibration, module)
        backend.prepare(built, cache, phases)


def measure(cell: Cell, cache: Cache, phases: Phases) -> Measurement:
    """Load the model, time it, and account for its memory, its energy and its agreement.

    Raises:
        PerfexpError: the backend refuses the cell, or does not do what was asked.
    """
    network = find(cell, cache)
    if network is None:
        raise BackendError("The cell was measured before it was prepared; call prepare first.")
    backend = backends.create(cell.backend)
    with phases.timed("imports"):
        backend.start()
    with phases.timed("sentinel"):
        pace_ms = sentinel.timings_ms()
    account = memory.Account()
    session = backend.load(network, cell.batch_size, cache, phases)
    account.loaded()
    wanted = reference.read(network, cache) if backend.computes else None
    try:
        subject = _Subject(cell, network, session, backend.threads(), account, pace_ms)
        return _measured(subject, wanted, phases)
    finally:
        session.close()


def _measured(subject: _Subject, wanted: Logits | None, phases: Phases) -> Measurement:
    cell, network, session = subject.cell, subject.network, subject.session
    with phases.timed("inputs"):
        buffers = cell.measure.input_buffers
        batches = random_batches(cell.seed, buffers, cell.batch_size, network.input_size)
        bench = TimedSession(cell, session, batches, subject.threads)
    sheet = CellSummary(labels=network.labels())
    on_device = session.device_memory()
    subject.account.inferring()
    session.reset_device_peak()
    effective = bench.begin(phases)
    seen = bench.observe(phases)
    sheet.add(*subject.account.metrics())
    sheet.add_device_memory(on_device, session.device_memory())
    with phases.timed("sentinel"):
        sheet.add_pace(subject.pace_ms, sentinel.timings_ms())
    sheet.add_timing(cell, seen)
    sheet.add_parity(cell, bench.outputs(IMAGES, seen.batches), wanted)
    sheet.add_model_size(cell.backend.name, session.model_bytes(), session.weight_bytes())
    sheet.add(*network.metrics())
    return _record(subject, sheet, seen, effective, phases)


def _record(
    subject: _Subject, sheet: CellSummary, seen: Observation, effective: Mapping[str, str], phases: Phases
) -> Measurement:
    judged = sheet.certify(seen)
    sheet.add({f"{name}_s": phases.seconds[name] for name in _SECONDS_LOGGED if name in phases.seconds})
    return Measurement(
        metrics=sheet.metrics,
        absent=sheet.absent,
        samples_ms=seen.timing.samples_ms,
        warmup_ms=(seen.first_ms, *seen.warmup.samples_ms),
        effective={**effective, "input_size": str(subject.network.input_size)},
        labels=sheet.labels,
        environment=environment.snapshot(),
        phases_s=dict(phases.seconds),
        certificate=judged.tree(),
    )

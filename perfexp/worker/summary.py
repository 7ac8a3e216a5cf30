"""A measurement in the making: observations become named numbers, and reasons for absent ones."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from perfexp.backends.base import DeviceMemory
from perfexp.config.schema import Cell
from perfexp.measuring import os_counters, parity, sample_statistics
from perfexp.measuring.energy import NoMeter, Used
from perfexp.measuring.parity import Logits
from perfexp.worker.reference import Reference
from perfexp.worker.timing import Observation


@dataclass
class CellSummary:
    """Metrics as named in :mod:`perfexp.metrics`, reasons for absent ones, and labels."""

    cell: Cell
    metrics: dict[str, float] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)

    def add(self, metrics: Mapping[str, float], absent: Mapping[str, str] | None = None) -> None:
        """Add metrics, and reasons for absent ones."""
        self.metrics.update(metrics)
        self.absent.update(absent or {})

    def add_timing(self, observed: Observation) -> None:
        """Add latency, its statistics, what ended warm-up and timing, and the energy of an image."""
        samples_ms, warmup, cell = observed.timing.samples_ms, observed.warmup, self.cell
        self.add(*sample_statistics.summarise(samples_ms, cell.batch_size, cell.measure.percentiles))
        self.metrics["first_inference_ms"] = observed.first_ms
        self.metrics["warmup_iterations"] = float(len(warmup.samples_ms) + 1)
        self.labels["stop_reason"] = observed.timing.stop_reason.value
        self.labels["warmup_stable"] = "not asked" if warmup.stable is None else str(warmup.stable)
        self._add_energy(observed.energy, observed.batches * cell.batch_size)

    def _add_energy(self, used: Used | NoMeter, images: int) -> None:
        above = "energy_above_idle_per_image_j"
        if isinstance(used, NoMeter):
            names = ("energy_per_image_j", above, "idle_power_w")
            self.absent.update(dict.fromkeys(names, used.reason))
            return
        self.add({"energy_per_image_j": used.joules / images, "idle_power_w": used.idle_w})
        if used.above_idle_j > 0:
            self.metrics[above] = used.above_idle_j / images
        else:
            self.absent[above] = "the device used no more during timing than at rest before warm-up"

    def add_parity(self, output: Logits, reference: Reference | None) -> None:
        """Add the agreement with PyTorch eager's f32 on the same images."""
        names = ("parity_max_error", "parity_cosine", "parity_top1_agreement")
        if reference is None:
            reason = f"the {self.cell.backend.name} backend computes no network"
            self.absent.update(dict.fromkeys(names, reason))
            return
        found = parity.compare(output, reference.logits[: len(output)])
        values = zip(names, (found.max_error, found.cosine, found.top1_agreement), strict=True)
        self.labels["parity"] = found.verdict(self.cell.backend.precision, reference.rounding_error)
        for name, value in values:
            if value == value and abs(value) != float("inf"):
                self.metrics[name] = value
            else:
                self.absent[name] = "the output holds values that are not finite numbers"

    def add_device_memory(self, loaded: DeviceMemory | None, now: DeviceMemory | None) -> None:
        """Add the accelerator's memory, where the model is on one."""
        names = ("device_memory_model_mb", "device_memory_peak_mb", "device_memory_share")
        if loaded is None or now is None:
            self.absent.update(dict.fromkeys(names, "the model lies in the host's memory"))
        else:
            self.add(dict(zip(names, (loaded.allocated_mb, now.peak_mb, now.share), strict=True)))

    def add_model_size(self, stored: int | None, in_memory: int | None) -> None:
        """Add the bytes of the model on disk and of its weights in memory."""
        name = self.cell.backend.name
        sizes = {
            "model_size_mb": (stored, f"the {name} backend stores no model"),
            "model_memory_mb": (in_memory, f"{name} does not tell in which form it holds its weights"),
        }
        for metric, (size, reason) in sizes.items():
            if size is None:
                self.absent[metric] = reason
            else:
                self.metrics[metric] = size / 1e6

    def add_evidence(self, observed: Observation) -> None:
        """Add what the system counted while the batches ran, by which the round is judged."""
        samples_ms = observed.timing.samples_ms
        drift = os_counters.drift_percent(samples_ms)
        for name, value in {**observed.evidence, "drift": drift}.items():
            if value is None:
                self.absent[name] = "this system does not count it"
            else:
                self.metrics[name] = value
        if drift is None:
            self.absent["drift"] = f"a drift needs 8 samples, and there are {len(samples_ms)}"

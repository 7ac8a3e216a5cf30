"""Measure perfexp's own bias and this machine's noise floor.

  perfexp selftest latencies_ms=1,10 repeats=5

The fake backend waits, busy or asleep, for a known time. What perfexp reports beyond it is bias; what
differs from batch to batch and from run to run is noise. A bare loop waits the same way beside it: the
bias that both share is the system's.
"""

import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from perfexp import console, environment
from perfexp.backends.fake import FakeConfig, FakeSession
from perfexp.config import checks
from perfexp.config.options import option
from perfexp.config.schema import Cell, MeasureConfig, ModelConfig, TrackingConfig
from perfexp.errors import BackendError, ConfigError
from perfexp.records import Failure
from perfexp.store.run_data import RunData
from perfexp.store.tracker import open_tracker
from perfexp.worker.run import run_cell

if TYPE_CHECKING:
    from rich.table import Table

_LOOP_S = 0.5
_LOOP_MIN = 10


@dataclass
class Config:
    """Waits of known length, each measured several times."""

    latencies_ms: list[float] = option([0.1, 1.0, 10.0, 100.0], "waits to measure, ms a batch")
    repeats: int = option(3, "measurements of each wait")
    experiment: str | None = option(None, "MLflow experiment; null: perfexp-selftest")
    measure: MeasureConfig = option(MeasureConfig(), "preset: default, quick, study", choose="default")
    tracking: TrackingConfig = option(TrackingConfig(), "preset: local, server", choose="local")


@dataclass(frozen=True)
class Trial:
    """One known wait, measured.

    Attributes:
        mode: ``busy`` or ``sleeping``.
        nominal_ms: the wait that was asked for.
        p50_ms: perfexp's median of each repeat.
        loop_p50_ms: the bare loop's median.
        spread_ms: interquartile range of each repeat's samples.
        verdicts: each repeat's certificate.
    """

    mode: str
    nominal_ms: float
    p50_ms: tuple[float, ...]
    loop_p50_ms: float
    spread_ms: tuple[float, ...]
    verdicts: tuple[str, ...]

    @property
    def bias_us(self) -> float:
        """Median of what perfexp reports, less the wait that was asked for."""
        return 1e3 * (statistics.median(self.p50_ms) - self.nominal_ms)

    @property
    def harness_us(self) -> float:
        """Median of what perfexp reports, less the bare loop's."""
        return 1e3 * (statistics.median(self.p50_ms) - self.loop_p50_ms)

    @property
    def noise_percent(self) -> float:
        """Median interquartile range of a run's samples, as a share of the wait."""
        return 100 * statistics.median(self.spread_ms) / self.nominal_ms

    @property
    def repeat_percent(self) -> float:
        """Range of the repeats' medians, as a share of the wait."""
        return 100 * (max(self.p50_ms) - min(self.p50_ms)) / self.nominal_ms

    def metrics(self) -> list[tuple[str, float, int]]:
        """Name, value and step; the step is the wait in µs, so that MLflow draws lines over it."""
        values = {
            "bias_us": self.bias_us,
            "bias_percent": self.bias_us / self.nominal_ms / 10,
            "harness_us": self.harness_us,
            "noise_percent": self.noise_percent,
            "repeat_percent": self.repeat_percent,
        }
        step = round(self.nominal_ms * 1e3)
        return [(f"{self.mode}_{name}", value, step) for name, value in values.items()]


def main(settings: Config) -> None:
    """Measure every wait, and write the result as a run.

    Raises:
        BackendError: a wait could not be measured.
    """
    checks.at_least(1, {"repeats": settings.repeats})
    checks.check_measure(settings.measure)
    if not settings.latencies_ms:
        raise ConfigError("latencies_ms names no wait; give some, as in latencies_ms=1,10.")
    for latency_ms in settings.latencies_ms:
        checks.positive({"latencies_ms": latency_ms})
    root = Path(settings.tracking.root)
    tracker = open_tracker(settings.tracking.uri, root, settings.experiment or "perfexp-selftest")
    started_ms = int(time.time() * 1000)
    waits = [(busy, ms) for busy in (True, False) for ms in settings.latencies_ms]
    trials = []
    with console.progress() as begin:
        advance = begin("waiting", len(waits))
        for busy, latency_ms in waits:
            trials.append(_try(settings, busy, latency_ms))
            advance()
    run_id = tracker.write(_draft(trials, settings, started_ms))
    console.terminal().print(_table(trials))
    console.say(f"Kept as run {run_id} of experiment {tracker.experiment!r}.")


def _try(settings: Config, busy: bool, latency_ms: float) -> Trial:
    cell = Cell(
        model=ModelConfig("torchvision", "squeezenet1_1"),
        backend=FakeConfig(latency_ms=latency_ms, busy=busy),
        measure=settings.measure,
        input_size=32,
        cache_dir=str((Path(settings.tracking.root) / "cache").resolve()),
    )
    runs = []
    for _ in range(settings.repeats):
        outcome = run_cell(cell)
        if isinstance(outcome, Failure):
            raise BackendError(f"A wait of {latency_ms:g} ms was not measured: {outcome.message}")
        runs.append(outcome)
    return Trial(
        mode="busy" if busy else "sleeping",
        nominal_ms=latency_ms,
        p50_ms=tuple(run.metrics["latency_p50_ms"] for run in runs),
        loop_p50_ms=_bare_loop(latency_ms, busy),
        spread_ms=tuple(_interquartile_range(run.samples_ms) for run in runs),
        verdicts=tuple(run.labels["verdict"] for run in runs),
    )


def _bare_loop(latency_ms: float, busy: bool) -> float:
    """Median of the same wait with only the clock around it, in ms."""
    session = FakeSession(round(latency_ms * 1e6), busy)
    samples_ms = []
    for _ in range(max(_LOOP_MIN, round(_LOOP_S * 1e3 / latency_ms))):
        began = time.perf_counter_ns()
        session.infer(0)
        samples_ms.append((time.perf_counter_ns() - began) / 1e6)
    return statistics.median(samples_ms)


def _interquartile_range(samples_ms: Sequence[float]) -> float:
    lower, _, upper = statistics.quantiles(samples_ms, n=4)
    return upper - lower


def _draft(trials: Sequence[Trial], settings: Config, started_ms: int) -> RunData:
    facts = environment.snapshot()
    return RunData(
        name=f"selftest {facts['host']}",
        status="FINISHED",
        started_ms=started_ms,
        metrics=[metric for trial in trials for metric in trial.metrics()],
        params={
            "repeats": str(settings.repeats),
            **{f"measure.{k}": str(v) for k, v in asdict(settings.measure).items()},
        },
        tags={"kind": "selftest", "host": facts["host"], "cpu": facts["cpu"]},
        files={
            "trials.json": json.dumps([asdict(trial) for trial in trials], indent=1),
            "environment.json": json.dumps(facts, indent=1),
        },
    )


def _table(trials: Sequence[Trial]) -> "Table":
    columns = ("asked ms", "p50 ms", "bias µs", "bias %", "harness µs", "noise %", "repeats %", "clean")
    rows = [
        (
            trial.mode,
            f"{trial.nominal_ms:g}",
            f"{statistics.median(trial.p50_ms):.4f}",
            f"{trial.bias_us:.2f}",
            f"{trial.bias_us / trial.nominal_ms / 10:.3f}",
            f"{trial.harness_us:.2f}",
            f"{trial.noise_percent:.3f}",
            f"{trial.repeat_percent:.3f}",
            f"{trial.verdicts.count('clean')}/{len(trial.verdicts)}",
        )
        for trial in trials
    ]
    return console.table("perfexp selftest", {"wait": False, **dict.fromkeys(columns, True)}, rows)

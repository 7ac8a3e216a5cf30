"""The command ``perfexp-selftest``: the harness itself, measured on backends of known latency.

A null backend waits, busy or asleep, for a time that is known; what perfexp reports beyond it is
bias, what differs from batch to batch and from run to run is this machine's noise floor. A loop
with nothing around it waits the same way beside it: the bias that both share is the system's.
"""

import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from perfexp import environment
from perfexp.backends.null import NullConfig, NullSession
from perfexp.commands._app import Command
from perfexp.config.schema import Cell, InputFit, ModelConfig
from perfexp.config.settings import SelftestConfig
from perfexp.console import terminal
from perfexp.errors import BackendError, ConfigError
from perfexp.records import Failure
from perfexp.store.run_data import RunData
from perfexp.store.tracker import open_tracker
from perfexp.worker.process import run_cell

if TYPE_CHECKING:
    from rich.table import Table

_LOOP_S = 0.5
_LOOP_MIN = 10
command = Command("perfexp-selftest", "selftest")


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


def main() -> None:
    """Exit 0 when every wait was measured, 2 on bad input or where one could not be."""
    command.launch(_task)


def _task(config: DictConfig) -> None:
    from rich.progress import track

    settings = command.settings(config, SelftestConfig)
    _check(settings)
    root = Path(settings.tracking.root)
    tracker = open_tracker(settings.tracking.uri, root, settings.experiment or "perfexp-selftest")
    started_ms = int(time.time() * 1000)
    console = terminal()
    waits = [(busy, ms) for busy in (True, False) for ms in settings.latencies_ms]
    trials = [
        _try(settings, busy, latency_ms)
        for busy, latency_ms in track(waits, "waiting", console=console, transient=True)
    ]
    run_id = tracker.write(_draft(trials, settings, started_ms))
    console.print(_table(trials))
    print(f"Kept as run {run_id} of experiment {tracker.experiment!r}.")


def _check(settings: SelftestConfig) -> None:
    if settings.repeats < 1 or not settings.latencies_ms or min(settings.latencies_ms) <= 0:
        raise ConfigError(
            f"repeats={settings.repeats} of latencies_ms={settings.latencies_ms} measure nothing; "
            "give at least one repeat and one positive time."
        )


def _try(settings: SelftestConfig, busy: bool, latency_ms: float) -> Trial:
    cell = Cell(
        model=ModelConfig("torchvision", "squeezenet1_1"),
        backend=NullConfig(latency_ms=latency_ms, busy=busy),
        measure=settings.measure,
        batch_size=1,
        input_size=32,
        input_fit=InputFit.strict,
        weights="random",
        seed=0,
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
    session = NullSession(round(latency_ms * 1e6), busy)
    samples_ms = []
    for _ in range(max(_LOOP_MIN, round(_LOOP_S * 1e3 / latency_ms))):
        began = time.perf_counter_ns()
        session.infer(0)
        samples_ms.append((time.perf_counter_ns() - began) / 1e6)
    return statistics.median(samples_ms)


def _interquartile_range(samples_ms: Sequence[float]) -> float:
    lower, _, upper = statistics.quantiles(samples_ms, n=4)
    return upper - lower


def _draft(trials: Sequence[Trial], settings: SelftestConfig, started_ms: int) -> RunData:
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
    from rich.table import Table

    table = Table(title="perfexp-selftest", title_justify="left")
    table.add_column("wait")
    for name in ("asked ms", "p50 ms", "bias µs", "bias %", "harness µs", "noise %", "repeats %", "clean"):
        table.add_column(name, justify="right")
    for trial in trials:
        table.add_row(
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
    return table

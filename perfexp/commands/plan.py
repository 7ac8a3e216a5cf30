"""List the models, backends and batch sizes that keep to limits.

  perfexp plan max_latency_ms=50 percentile=95 min_top1=72 experiment=NAME

It also names the runs that would settle doubtful choices.
"""

from dataclasses import asdict, dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

from perfexp import console
from perfexp.cache import Cache
from perfexp.config import catalog, checks
from perfexp.config.schema import ModelConfig, option
from perfexp.errors import ConfigError, NotMet
from perfexp.models import sources
from perfexp.plugins import BACKENDS
from perfexp.prediction import data, service
from perfexp.runs.query import RunQuery

if TYPE_CHECKING:
    import pandas as pd

    from perfexp.prediction.model.backend_model import Prediction

_SHOWN, _SETTLING = 20, 5
NEEDS_ARGUMENTS = True


@dataclass
class Config(RunQuery):
    """Limits that a model on a backend at a batch size must keep to; null sets no limit."""

    max_latency_ms: float | None = option(None, "limit of a batch's latency, ms")
    percentile: int = option(50, "of the latency that is limited")
    min_throughput: float | None = option(None, "limit of the throughput, images/s")
    min_top1: float | None = option(None, "limit of the published top-1 accuracy, %")
    max_memory_mb: float | None = option(None, "limit of the peak memory, MB")
    models: list[str] = option([], "models to consider, with or without runs; all that have runs if empty")
    batch_sizes: list[int] = option([1, 2, 4, 8, 16, 32, 64], "batch sizes to consider")
    coverage: float = option(0.9, "share of cells that the intervals hold")
    seed: int = option(0, "of the fits")


def main(settings: Config) -> None:
    """Print the choices.

    Raises:
        NothingToDo: there are no runs to learn from.
        NotMet: no choice keeps to all limits.
    """
    from perfexp.prediction.planner import Limits, judge, refusals, to_settle

    _check(settings)
    limits = Limits(
        settings.max_latency_ms, settings.min_throughput, settings.min_top1, settings.max_memory_mb
    )
    cells = data.cells(settings, print)
    choices = _choices(settings, cells, settings.cache)
    judged = judge(choices, limits)
    if (judged["verdict"] == "fails").all():
        raise NotMet(
            f"None of {len(judged)} choices keeps to all limits ({refusals(choices, limits)}); loosen one, "
            "or measure other models."
        )
    _print(judged, to_settle(judged, limits))


def _check(settings: Config) -> None:
    limits = {
        "max_latency_ms": settings.max_latency_ms,
        "min_throughput": settings.min_throughput,
        "min_top1": settings.min_top1,
        "max_memory_mb": settings.max_memory_mb,
    }
    given = {name: value for name, value in limits.items() if value is not None}
    if not given or not settings.batch_sizes:
        raise ConfigError("The plan asks for nothing; give max_latency_ms=, min_throughput= or min_top1=.")
    checks.positive(given)
    checks.inside(0, 100, {"percentile": settings.percentile}, "a percentage, as in percentile=95")
    if settings.min_top1 is not None:
        checks.inside(0, 100, {"min_top1": settings.min_top1}, "a percentage, as in min_top1=72")


def _choices(settings: Config, cells: "pd.DataFrame", cache: Cache) -> "pd.DataFrame":
    """Every model on every backend at every batch size asked for, measured or predicted."""
    import pandas as pd

    column = "latency_ms" if settings.percentile == 50 else f"latency_p{settings.percentile}_ms"
    if column not in cells:
        raise ConfigError(
            f"No run tells a {settings.percentile}th percentile ({column}); plan with percentile=50, "
            "or measure with more iterations."
        )
    rows: list[dict[str, object]] = []
    networks = _networks(settings, cells, cache)
    for backend, own in cells.groupby("backend", observed=True):
        with console.progress() as begin:
            model = service.fitted(cells, str(backend), settings.seed, cache, progress=begin)
        on = _on(own.iloc[0])
        ratio = float((own[column] / own["latency_ms"]).median())
        for place, size in product(range(len(networks)), settings.batch_sizes):
            network = networks.iloc[[place]].assign(batch_size=size)
            there = own[(own["variant"] == network["variant"].iloc[0]) & (own["batch_size"] == size)]
            there = there[there[column].notna()]
            found = (
                _measured(there, column)
                if len(there)
                else _predicted(model.predict(network, settings.coverage), ratio)
            )
            top1 = network.get("published_top1", pd.Series([float("nan")])).iloc[0]
            named = {"model": network["variant"].iloc[0], "backend": backend, "batch_size": size}
            rows.append({**named, "top1": top1, **found, "asks": f"{_asks(network)} {on}"})
    return pd.DataFrame(rows).astype({"memory_mb": float, "top1": float})


def _networks(settings: Config, cells: "pd.DataFrame", cache: Cache) -> "pd.DataFrame":
    """One row a network: the measured ones, or those of ``models``, measured or not."""
    import pandas as pd

    from perfexp.prediction.model.linear import with_totals

    measured = cells.drop_duplicates("variant")
    if not settings.models:
        return measured
    asked = {key: measured[key].iloc[0] for key in ("input_size", "input_fit") if key in measured}
    rows: list[dict[str, object]] = []
    for name in sorted(set(settings.models) - set(measured["model"])):
        source = sources.source_of(name)
        row = service.network(ModelConfig(source, name), None, cells, cache)
        top1 = sources.source(source).facts(name).published_top1
        rows.append({**row, **asked, "source": source, "variant": name, "published_top1": top1})
    own = measured[measured["model"].isin(settings.models)]
    return pd.concat([own, with_totals(pd.DataFrame(rows))] if rows else [own], ignore_index=True)


def _asks(network: "pd.DataFrame") -> str:
    """What ``perfexp`` is to be given to measure the network, as the other runs were measured."""
    name, source = str(network["model"].iloc[0]), str(network["source"].iloc[0])
    chosen = f"model={name}" if catalog.preset("model", name) else f"model={source} model.name={name}"
    sizes = [
        f"{key}={network[key].iloc[0]}"
        for key in ("input_size", "input_fit")
        if key in network and str(network[key].iloc[0]) not in ("None", "nan", "strict")
    ]
    return " ".join([chosen, *sizes])


def _on(run: "pd.Series[Any]") -> str:
    """What ``perfexp`` is to be given to measure on a run's backend, as it was set there."""
    name = str(run["runtime"])
    asked = [f"backend={name}"]
    usual = asdict(BACKENDS.schema(name)()) if name in BACKENDS.names() else {}
    for key, default in usual.items():
        value = run.get(key, run.get(f"backend_{key}"))
        if key != "name" and str(value) not in ("None", "nan", str(default)):
            asked.append(f"backend.{key}={f'{value:g}' if isinstance(value, float) else value}")
    return " ".join(asked)


def _measured(there: "pd.DataFrame", column: str) -> dict[str, object]:
    ms = float(there[column].iloc[0])
    memory = there["memory_peak_mb"].iloc[0] if "memory_peak_mb" in there else None
    return {"latency_ms": ms, "low_ms": ms, "high_ms": ms, "memory_mb": memory, "measured": True}


def _predicted(prediction: "Prediction", ratio: float) -> dict[str, object]:
    """``ratio`` is the percentile over the median, typical of the backend."""
    return {
        "latency_ms": ratio * prediction.latency_ms,
        "low_ms": ratio * prediction.low_ms,
        "high_ms": ratio * prediction.high_ms,
        "memory_mb": prediction.memory_peak_mb,
        "measured": False,
    }


def _print(judged: "pd.DataFrame", settling: "pd.DataFrame") -> None:
    columns = ("model", "backend", "batch", "latency ms", "images/s", "top-1 %", "from", "verdict")
    rows = []
    for row in judged[judged["verdict"] != "fails"].head(_SHOWN).itertuples():
        span = "" if row.measured else f" ({row.low_ms:.3g}–{row.high_ms:.3g})"
        rows.append(
            (
                f"{row.model}", f"{row.backend}", f"{row.batch_size}", f"{row.latency_ms:.4g}{span}",
                f"{row.throughput_images_per_s:.4g}", f"{row.top1:.2f}",
                "measured" if row.measured else "predicted", f"{row.verdict}",
            )
        )  # fmt: skip
    table = console.table("perfexp plan", dict.fromkeys(columns, False), rows)
    console.terminal().print(table)
    counts = judged["verdict"].value_counts()
    print(
        ", ".join(f"{count} {verdict}" for verdict, count in counts.items()) + f" of {len(judged)} choices."
    )
    if len(settling):
        print("The cheapest runs that would settle a doubtful choice:")
    for row in settling.head(_SETTLING).itertuples():
        print(f"  perfexp {row.asks} batch_size={row.batch_size}")

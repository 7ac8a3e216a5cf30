"""The command ``perfexp-plan``: which model, backend and batch size keep to limits."""

from dataclasses import asdict
from itertools import product
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from perfexp import backends
from perfexp.cache import Cache
from perfexp.commands import _schemas
from perfexp.commands._app import Command, progress, terminal
from perfexp.config.schema import ModelConfig
from perfexp.config.settings import PlanConfig
from perfexp.errors import ConfigError
from perfexp.models import sources
from perfexp.prediction import data, service

if TYPE_CHECKING:
    import pandas as pd

    from perfexp.prediction.model.backend_model import Prediction

_SHOWN, _SETTLING = 20, 5
command = Command("perfexp-plan", "plan", {"sweep": "of_sweep"})


def main() -> None:
    """Exit 0 with the choices listed, 2 on bad input."""
    command.launch(command.telling(_task))


def _task(config: DictConfig) -> None:
    from perfexp.prediction.planner import Limits, judge, refusals, to_settle

    settings = command.settings(config, PlanConfig)
    _check(settings)
    limits = Limits(
        settings.max_latency_ms, settings.min_throughput, settings.min_top1, settings.max_memory_mb
    )
    cells, _, cache = data.configured(settings, print)
    choices = _choices(settings, cells, cache)
    judged = judge(choices, limits)
    if (judged["verdict"] == "fails").all():
        raise ConfigError(
            f"None of {len(judged)} choices keeps to all limits ({refusals(choices, limits)}); loosen one, "
            "or measure other models."
        )
    _print(judged, to_settle(judged, limits))


def _check(settings: PlanConfig) -> None:
    limits = {
        "max_latency_ms": settings.max_latency_ms,
        "min_throughput": settings.min_throughput,
        "min_top1": settings.min_top1,
        "max_memory_mb": settings.max_memory_mb,
    }
    given = {name: value for name, value in limits.items() if value is not None}
    if not given or not settings.batch_sizes:
        raise ConfigError("The plan asks for nothing; give max_latency_ms=, min_throughput= or min_top1=.")
    for name, value in given.items():
        if value <= 0 or (name == "min_top1" and value > 100):
            raise ConfigError(f"{name}={value:g} can be met by nothing; give a positive number, or leave it.")


def _choices(settings: PlanConfig, cells: "pd.DataFrame", cache: Cache) -> "pd.DataFrame":
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
        with progress() as begin:
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


def _networks(settings: PlanConfig, cells: "pd.DataFrame", cache: Cache) -> "pd.DataFrame":
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
    known = (_schemas.conf_dir() / "model" / f"{name}.yaml").is_file()
    chosen = f"model={name}" if known else f"model={source} model.name={name}"
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
    usual = asdict(backends.backend_class(name).Config()) if name in backends.names() else {}
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
    from rich.table import Table

    table = Table(title="perfexp-plan", title_justify="left")
    for name in ("model", "backend", "batch", "latency ms", "images/s", "top-1 %", "from", "verdict"):
        table.add_column(name)
    kept = judged[judged["verdict"] != "fails"]
    for row in kept.head(_SHOWN).itertuples():
        span = "" if row.measured else f" ({row.low_ms:.3g}–{row.high_ms:.3g})"
        origin = "measured" if row.measured else "predicted"
        table.add_row(
            f"{row.model}", f"{row.backend}", f"{row.batch_size}", f"{row.latency_ms:.4g}{span}",
            f"{row.throughput_images_per_s:.4g}", f"{row.top1:.2f}", origin, f"{row.verdict}",
        )  # fmt: skip
    terminal().print(table)
    counts = judged["verdict"].value_counts()
    print(
        ", ".join(f"{count} {verdict}" for verdict, count in counts.items()) + f" of {len(judged)} choices."
    )
    if len(settling):
        print("The cheapest runs that would settle a doubtful choice:")
    for row in settling.head(_SETTLING).itertuples():
        print(f"  perfexp {row.asks} batch_size={row.batch_size}")

"""Judge choices by limits, from measured and predicted cells, and say what to measure to decide."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Any

from perfexp.config import catalog
from perfexp.config.options import option
from perfexp.config.schema import ModelConfig
from perfexp.errors import ConfigError
from perfexp.models import sources
from perfexp.plugins import BACKENDS
from perfexp.prediction import service
from perfexp.runs.query import RunQuery

if TYPE_CHECKING:
    import pandas as pd

    from perfexp.prediction.model.backend_model import BackendModel

MEETS, DOUBTFUL, FAILS = "meets", "doubtful", "fails"
_SIZE_OPTIONS = ("input_size", "input_fit")


@dataclass
class PlanConfig(RunQuery):
    """Limits that a model on a backend at a batch size must keep to; null sets no limit."""

    max_latency_ms: float | None = option(None, "limit of the latency of a whole batch, ms")
    max_latency_per_image_ms: float | None = option(None, "limit of a batch's latency / its images, ms")
    percentile: int = option(50, "of the latency that is limited")
    min_throughput: float | None = option(None, "limit of the throughput, images/s")
    min_top1: float | None = option(None, "limit of the published top-1 accuracy, %")
    max_memory_mb: float | None = option(None, "limit of the peak memory, MB")
    models: list[str] = option([], "models to consider, with or without runs; all that have runs if empty")
    batch_sizes: list[int] = option([1, 2, 4, 8, 16, 32, 64], "batch sizes to consider")
    coverage: float = option(0.9, "share of cells that the intervals hold")
    seed: int = option(0, "of the fits")

    @property
    def limits(self) -> dict[str, float]:
        """The limits that are set, by name."""
        names = (
            *("max_latency_ms", "max_latency_per_image_ms"),
            *("min_throughput", "min_top1", "max_memory_mb"),
        )
        return {name: value for name in names if (value := getattr(self, name)) is not None}


def choices(
    settings: PlanConfig, cells: "pd.DataFrame", progress: service.Progress, report: Callable[[str], None]
) -> "pd.DataFrame":
    """Return every model on every backend at every batch size of the settings, measured or predicted.

    ``report`` takes a sentence for each reason why unmeasured choices cannot be predicted.

    Returns:
        The columns that :func:`judge` reads, ``model, backend, measured``, and ``overrides``, with which
        ``perfexp`` would measure the choice.

    Raises:
        ConfigError: no run has the percentile, or there are too few runs to predict from.
    """
    import pandas as pd

    column = "latency_ms" if settings.percentile == 50 else f"latency_p{settings.percentile}_ms"
    if column not in cells:
        raise ConfigError(
            f"No run has a {settings.percentile}th percentile ({column}); plan with percentile=50, or "
            "measure with more iterations."
        )
    rows: list[dict[str, object]] = []
    refused: Counter[str] = Counter()
    networks = _networks(settings, cells)
    for backend, own in cells.groupby("backend", observed=True):
        model = _Lazily(cells, str(backend), settings, progress)
        ratio = float((own[column] / own["latency_ms"]).median())  # typical of the backend
        for place, size in product(range(len(networks)), settings.batch_sizes):
            network = networks.iloc[[place]].assign(batch_size=size)
            try:
                told = _told(settings, network, own, column, ratio, model)
            except ConfigError as error:  # too few models were measured
                refused[str(error)] += 1
                continue
            rows.append({
                "model": network["variant"].iloc[0], "backend": backend, "batch_size": size, **told,
                "top1": network["published_top1"].iloc[0] if "published_top1" in network else None,
                "overrides": f"{_model_overrides(network)} {backend_overrides(own.iloc[0])}",
            })  # fmt: skip
    if not rows:
        raise ConfigError(next(iter(refused)))
    for reason, count in refused.items():
        report(f"{count} choices that nobody measured are left out. {reason}")
    return pd.DataFrame(rows).astype({"memory_mb": float, "top1": float})


@dataclass(frozen=True)
class _Lazily:
    """A backend's model, which takes minutes to fit and is needed only where a choice was not measured."""

    cells: "pd.DataFrame"
    backend: str
    settings: PlanConfig
    progress: service.Progress

    @cached_property
    def fitted(self) -> "BackendModel":
        seed, cache = self.settings.seed, self.settings.cache
        return service.fitted(self.cells, self.backend, seed, cache, progress=self.progress)


def _told(
    settings: PlanConfig,
    network: "pd.DataFrame",
    own: "pd.DataFrame",
    column: str,
    ratio: float,
    model: _Lazily,
) -> dict[str, object]:
    """Return a choice's times and memory, measured or predicted; ``ratio`` is that of percentile to median.

    Raises:
        ConfigError: it was not measured, and cannot be predicted.
    """
    variant, size = network["variant"].iloc[0], network["batch_size"].iloc[0]
    same = own[(own["variant"] == variant) & (own["batch_size"] == size) & own[column].notna()]
    if len(same):
        times_ms = [float(same[column].iloc[0])] * 3
        memory = same["memory_peak_mb"].iloc[0] if "memory_peak_mb" in same else None
    else:
        found = model.fitted.predict(network, settings.coverage)
        times_ms = [ratio * ms for ms in (found.latency_ms, found.low_ms, found.high_ms)]
        memory = found.memory_peak_mb
    named = dict(zip(("latency_ms", "low_ms", "high_ms"), times_ms, strict=True))
    return {"measured": len(same) > 0, **named, "memory_mb": memory}


def _networks(settings: PlanConfig, cells: "pd.DataFrame") -> "pd.DataFrame":
    """Return one row a network: the measured ones, or those of ``models``, measured or not."""
    import pandas as pd

    from perfexp.prediction.model.linear import with_totals

    measured = cells.drop_duplicates("variant")
    if not settings.models:
        return measured
    shared = {key: measured[key].iloc[0] for key in _SIZE_OPTIONS if key in measured}
    rows: list[dict[str, object]] = []
    for name in sorted(set(settings.models) - set(measured["model"])):
        source = sources.source_of(name)
        row = service.network(ModelConfig(source, name), None, cells, settings.cache)
        top1 = sources.source(source).facts(name).published_top1
        rows.append({**row, **shared, "source": source, "variant": name, "published_top1": top1})
    own = measured[measured["model"].isin(settings.models)]
    return pd.concat([own, with_totals(pd.DataFrame(rows))] if rows else [own], ignore_index=True)


def _model_overrides(network: "pd.DataFrame") -> str:
    """Return what ``perfexp`` needs to measure the network as the other runs were measured."""
    row = network.iloc[0]
    preset = catalog.preset("model", str(row["model"]))
    chosen = f"model={row['model']}" if preset else f"model={row['source']} model.name={row['model']}"
    sizes = {key: row[key] for key in _SIZE_OPTIONS if key in row}
    set_ones = [f"{k}={value}" for k, value in sizes.items() if str(value) not in ("None", "nan", "strict")]
    return " ".join([chosen, *set_ones])


def backend_overrides(run: "pd.Series[Any]") -> str:
    """Return what ``perfexp`` needs to measure on a run's backend with the settings of that run."""
    name = str(run["runtime"])
    overrides = [f"backend={name}"]
    defaults = asdict(BACKENDS.schema(name)()) if name in BACKENDS.names() else {}
    for key, default in defaults.items():
        value = run.get(key, run.get(f"backend_{key}"))
        if key != "name" and str(value) not in ("None", "nan", str(default)):
            overrides.append(f"backend.{key}={f'{value:g}' if isinstance(value, float) else value}")
    return " ".join(overrides)


def judge(choices: "pd.DataFrame", limits: Mapping[str, float]) -> "pd.DataFrame":
    """Add ``verdict`` to each choice, the best throughput of those that meet the limits first.

    Of equal verdicts, choices without a published accuracy stand last.

    A measured choice meets a limit or fails it. A predicted one meets it when its whole interval
    does, fails when none of it does, and else is doubtful; so is a choice that lacks a limited value.

    Args:
        choices: ``batch_size, latency_ms, low_ms, high_ms, top1, memory_mb``, one row per
            choice; the ends of a measured one equal its latency.
        limits: as in :class:`PlanConfig`.
    """
    import pandas as pd

    size = choices["batch_size"]
    ends = {
        "max_latency_ms": (choices["low_ms"], choices["high_ms"], 1),
        "max_latency_per_image_ms": (choices["low_ms"] / size, choices["high_ms"] / size, 1),
        "min_throughput": (1e3 * size / choices["low_ms"], 1e3 * size / choices["high_ms"], -1),
        "min_top1": (choices["top1"], choices["top1"], -1),
        "max_memory_mb": (choices["memory_mb"], choices["memory_mb"], 1),
    }
    verdict = pd.Series(MEETS, index=choices.index)
    for name, limit in limits.items():
        best, worst, sign = ends[name]
        met, failed = sign * worst <= sign * limit, sign * best > sign * limit
        verdict = verdict.where(met | (verdict == FAILS), DOUBTFUL).mask(failed, FAILS)
    judged = choices.assign(verdict=verdict, throughput_images_per_s=1e3 * size / choices["latency_ms"])
    rank = verdict.map([MEETS, DOUBTFUL, FAILS].index)
    order = judged.assign(rank=rank, untold=judged["top1"].isna()).sort_values(
        ["rank", "untold", "throughput_images_per_s"], ascending=[True, True, False], kind="stable"
    )
    return order.drop(columns=["rank", "untold"]).reset_index(drop=True)


def refusals(choices: "pd.DataFrame", limits: Mapping[str, float]) -> str:
    """Say how many choices each limit alone leaves."""
    left = {name: (judge(choices, {name: one})["verdict"] != FAILS).sum() for name, one in limits.items()}
    return ", ".join(f"{name}={limits[name]:g} alone leaves {count}" for name, count in left.items())


def to_settle(judged: "pd.DataFrame", limits: Mapping[str, float]) -> "pd.DataFrame":
    """Return doubtful choices that a run would decide, the cheapest first; no run gives a published top-1."""
    known = judged["top1"].notna() | ("min_top1" not in limits)
    doubtful = judged[(judged["verdict"] == DOUBTFUL) & ~judged["measured"] & known]
    return doubtful.sort_values("latency_ms", kind="stable")

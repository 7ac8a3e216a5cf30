"""Types, defaults and meanings of the configuration of a cell. YAML selects values; these own them."""

from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from math import ceil

from omegaconf import MISSING

from perfexp.cache import digest
from perfexp.config.options import option
from perfexp.plugins import BACKENDS
from perfexp.records import variant

EXPERIMENT = "MLflow experiment; null: MLFLOW_EXPERIMENT_NAME, else perfexp"


class InputFit(StrEnum):
    """What to do when an architecture cannot take ``input_size``."""

    strict = "strict"
    grow = "grow"


class Precision(StrEnum):
    """Arithmetic of the weights and activations; int8 is quantised after training."""

    f32 = "f32"
    bf16 = "bf16"
    f16 = "f16"
    int8 = "int8"


@dataclass
class ModelConfig:
    """A network: the library that it comes from and its name in that library."""

    source: str = option(MISSING, "library: torchvision or timm")
    name: str = option(MISSING, "the library's name of the model")
    display_name: str | None = option(None, "name in tables and charts")
    family: str | None = option(None, "family in charts; the library's module if null")
    min_input_size: int = option(1, "smallest size that input_fit=grow may choose, pixels")
    classes: int = option(1000, "number of outputs")


@dataclass
class BackendConfig:
    """What every backend understands; each adds fields in its module."""

    name: str = MISSING
    device: str = option("cpu", "cpu, cuda, cuda:1, mps; a name that OpenVINO's runtime lists")
    precision: Precision = option(Precision.f32, "arithmetic of weights and activations")
    threads: int | None = option(None, "threads of the runtime; one for each usable physical core if null")


class Protocol(StrEnum):
    """``adaptive`` stops when the median is precise; ``study`` times ten batches after the first."""

    adaptive = "adaptive"
    study = "study"


class Start(StrEnum):
    """How a worker begins: forked from a server that has the heavy imports, or as a new process."""

    forked = "forked"
    spawned = "spawned"


@dataclass
class MeasureConfig:
    """Rounds, warm-up, stop rule and limits.

    A cell is measured in ``rounds``, each in a process of its own, and in further ones, up to
    ``max_rounds``, until the interval in which another measurement falls lies within
    ±``rounds_half_width``. A round has its share of the seconds and the iterations below:

    Warm-up ends when latency is stable, but not before ``warmup_iterations`` and ``warmup_s``
    and not after ``warmup_max_s``. Timing ends when the 95 % interval of the round's median lies
    within ±``rel_half_width``, but not before ``min_iterations`` and ``min_s``; or at
    ``budget_s``, but not before ``min_iterations``; or at ``max_iterations``. ``start=spawned``
    costs some 4 s of imports a cell, and reads up to 3 % less for small models on PyTorch, whose
    memory then shares nothing with another process.
    """

    protocol: Protocol = option(Protocol.adaptive, "stop rule; study: the published study's ten runs")
    rounds: int = option(3, "fewest rounds, each a process of its own")
    max_rounds: int = option(5, "most rounds, where the interval over rounds is too wide")
    round_pause_s: float = option(2.0, "shortest time between the beginnings of two rounds")
    calm_within: float | None = option(
        0.1, "by how much the host may be off its own pace beside batches that count; null: all do"
    )
    calm_wait_s: float = option(0.3, "how much longer a round waits for the host's own pace")
    rounds_half_width: float = option(
        0.15, "half-width of the 95 % interval between rounds at which a cell ends"
    )
    rel_half_width: float = option(0.03, "half-width of the 95 % interval of a round's median to stop timing")
    percentiles: list[float] = option([90.0, 95.0, 99.0], "logged where the samples support them")
    warmup_iterations: int = option(3, "fewest batches before timing")
    warmup_s: float = option(0.2, "shortest warm-up")
    warmup_max_s: float = option(5.0, "longest warm-up")
    min_iterations: int = option(10, "fewest timed batches")
    min_s: float = option(1.0, "shortest timing, of all rounds together")
    max_iterations: int = option(5000, "most timed batches")
    budget_s: float = option(10.0, "longest timing")
    input_buffers: int = option(4, "input batches used in turn, so that none stays in the cache")
    start: Start = option(Start.forked, "how the worker process starts")
    lock_wait_s: float = option(3600.0, "longest wait for another measurement on the device")
    time_limit_s: float = option(600.0, "longest life of the worker process")


@dataclass
class TrackingConfig:
    """Where runs go."""

    uri: str | None = option(None, "MLflow store; null: MLFLOW_TRACKING_URI, else SQLite below root")
    root: str = option("mlruns", "folder of the store, artifacts and cache")


class Rerun(StrEnum):
    """Which cells a sweep measures again: failed ones, tainted ones too, or all."""

    failed = "failed"
    tainted = "tainted"
    all = "all"


class OnInvalid(StrEnum):
    """What a sweep does where some of its jobs describe nothing that could be measured."""

    stop = "stop"
    skip = "skip"


@dataclass
class SweepConfig:
    """Which finished cells a sweep measures again, and whether it tolerates impossible ones.

    ``grid`` names what is swept, by which the same sweep is recognised; ``launched_from`` is the host
    from which jobs went to a cluster; ``axes`` holds the cell's values of the keys that are swept besides
    model, backend and batch size, as ``key=value&key=value``.
    """

    rerun: Rerun = option(Rerun.failed, "which finished cells are measured again")
    on_invalid: OnInvalid = option(OnInvalid.stop, "impossible cells: stop before the first, or skip them")
    dry_run: bool = option(False, "say what the sweep would measure, and stop")
    id: str | None = option(None, "", internal=True)
    name: str | None = option(None, "", internal=True)
    grid: str | None = option(None, "", internal=True)
    launched_from: str | None = option(None, "", internal=True)
    axes: str | None = option(None, "", internal=True)

    def tags(self) -> dict[str, str]:
        """Return the tags that tie a run to its sweep; none outside a sweep."""
        named = {"sweep_id": self.id, "sweep": self.name or "sweep", "sweep_grid": self.grid}
        named["axes"] = self.axes
        return {name: value for name, value in named.items() if value} | self.members() if self.id else {}

    def members(self) -> dict[str, str]:
        """Return the tags of all cells of the sweep, those that it found finished too: by id and by name."""
        return {member_tag(name): name for name in (self.id, self.name) if name}

    @property
    def variant(self) -> dict[str, str]:
        """The cell's values of the swept keys other than model, backend and batch size."""
        return variant(self.axes)


def member_tag(sweep: str) -> str:
    """Return the tag that the cells of a sweep have, whose value is its id or its name."""
    return f"in_{digest({'sweep': sweep})}"


class Data(StrEnum):
    """Which runs an analysis reads: measured ones, those imported from tables, or both."""

    measured = "measured"
    published = "published"
    both = "both"


class Accuracy(StrEnum):
    """Which accuracy charts show: the authors' for the named weights, or that of evaluations."""

    published = "published"
    measured = "measured"


@dataclass
class RunConfig:
    """One cell, and where its run goes."""

    model: ModelConfig = option(
        MISSING, "preset in conf/model; torchvision or timm with model.name=", choose="mobilenet_v2"
    )
    backend: BackendConfig = option(
        MISSING, "torch, openvino, or fake (known latency)", choose="torch", plugins=BACKENDS
    )
    batch_size: int = option(1, "images in a batch")
    input_size: int | None = option(None, "height and width in pixels; the model's own if null")
    input_fit: InputFit = option(
        InputFit.strict, "grow: take the architecture's minimum where input_size is too small"
    )
    weights: str = option("random", "random, pretrained, a checkpoint's path or runs:/RUN/PATH")
    seed: int = option(0, "of random weights and inputs")
    experiment: str | None = option(None, EXPERIMENT)
    objective: str | None = option(None, "metrics that a job returns to hydra/sweeper=optuna")
    sweep: SweepConfig = option(SweepConfig(), "named sweep: a file in sweeps/")
    measure: MeasureConfig = option(MeasureConfig(), "preset: default, quick, study", choose="default")
    tracking: TrackingConfig = option(TrackingConfig(), "preset: local, server", choose="local")


@dataclass(frozen=True)
class Cell:
    """What a worker needs to measure one cell: a plain value, sent over a pipe.

    ``input_size`` None means the model's own; ``cache_dir`` is absolute. ``calibration`` names kept
    images that int8 is calibrated with; None means the cell's own random ones.
    """

    model: ModelConfig
    backend: BackendConfig
    cache_dir: str
    measure: MeasureConfig = field(default_factory=MeasureConfig)
    batch_size: int = 1
    input_size: int | None = None
    input_fit: InputFit = InputFit.strict
    weights: str = "random"
    seed: int = 0
    calibration: str | None = None

    @property
    def title(self) -> str:
        """Short name for tables and the runs list."""
        return f"{self.model.name} {self.backend.name} b{self.batch_size}"

    def choices(self) -> dict[str, object]:
        """Every choice that decides the number, flattened: ``{"model.name": "resnet18", …}``."""
        without = {"cache_dir"} if self.backend.precision == Precision.int8 else {"cache_dir", "calibration"}
        return flatten({k: v for k, v in asdict(self).items() if k not in without})


def flatten(tree: dict[str, object], prefix: str = "") -> dict[str, object]:
    """Nested dictionaries as one, keys joined by dots."""
    flat: dict[str, object] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[prefix + key] = value
    return flat


def as_protocol(measure: MeasureConfig) -> MeasureConfig:
    """The plan that its protocol stands for; the study's is fixed, whatever else was chosen."""
    if measure.protocol == Protocol.adaptive:
        return measure
    return replace(
        measure,
        rounds=1,
        max_rounds=1,
        calm_within=None,
        warmup_iterations=0,
        warmup_s=0.0,
        warmup_max_s=0.0,
        min_iterations=10,
        max_iterations=10,
    )


def of_round(measure: MeasureConfig) -> MeasureConfig:
    """The share of one round in the time and the iterations of all that a cell has at least."""
    count = measure.rounds
    return replace(
        measure,
        warmup_s=measure.warmup_s / count,
        warmup_max_s=measure.warmup_max_s / count,
        min_iterations=ceil(measure.min_iterations / count),
        max_iterations=ceil(measure.max_iterations / count),
        min_s=measure.min_s / count,
        budget_s=measure.budget_s / count,
    )

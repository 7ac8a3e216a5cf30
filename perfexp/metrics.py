"""The table of all metrics: name, unit, direction, type, meaning.

Percentages are 0-100, MB is 10^6 bytes, times are wall-clock.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """One metric's definition.

    Attributes:
        name: as stored; it ends with the unit.
        unit: empty for pure numbers.
        higher_is_better: None where neither direction is better.
        description: the meaning, in a few words.
        integer: whether values are whole numbers.
    """

    name: str
    unit: str
    higher_is_better: bool | None
    description: str
    integer: bool = False


def percentile_name(percentile: float) -> str:
    """Return ``latency_p99_ms``, or ``latency_p99_9_ms`` for 99.9."""
    return f"latency_p{percentile:g}_ms".replace(".", "_")


def per_image_name(name: str) -> str:
    """Return the name of a batch's latency statistic divided by the batch size."""
    if name == "latency_p50_ms":
        return "latency_per_image_ms"
    return name.removesuffix("_ms") + "_per_image_ms"


_LATENCIES = {
    "latency_p50_ms": "median wall time",
    "latency_p50_low_ms": "lower end of the median wall time's 95 % interval",
    "latency_p50_high_ms": "upper end of the median wall time's 95 % interval",
    "latency_p90_ms": "90th percentile of the wall time",
    "latency_p95_ms": "95th percentile of the wall time",
    "latency_p99_ms": "99th percentile of the wall time",
    "latency_mean_ms": "mean wall time",
    "latency_std_ms": "sample standard deviation of the wall time",
    "latency_min_ms": "shortest wall time",
    "latency_max_ms": "longest wall time",
}


def _count(name: str, higher_is_better: bool | None, description: str) -> Metric:
    return Metric(name, "", higher_is_better, description, integer=True)


_TABLE = (
    *(Metric(name, "ms", False, f"{meaning} of one batch") for name, meaning in _LATENCIES.items()),
    *(
        Metric(per_image_name(name), "ms", False, f"{meaning} of one batch over its size")
        for name, meaning in _LATENCIES.items()
    ),
    Metric(
        "throughput_images_per_s",
        "images/s",
        True,
        "batch size over the median wall time; of published tables the mean",
    ),
    _count("iterations", None, "timed batches behind the latency"),
    _count("warmup_iterations", None, "batches run before timing"),
    _count("params", False, "learnable parameters of the network"),
    _count("macs", False, "multiply-accumulates for one image (half of the FLOPs)"),
    Metric("model_size_mb", "MB", False, "weights and graph as the backend stores them"),
    Metric("model_memory_mb", "MB", False, "weights and buffers as the runtime holds them in memory"),
    Metric("memory_baseline_mb", "MB", None, "resident set after imports, before the model"),
    Metric("memory_loaded_mb", "MB", None, "resident set once the model is loaded"),
    Metric("memory_peak_resident_mb", "MB", None, "highest resident set during inference"),
    Metric("memory_model_mb", "MB", False, "rise of the resident set by loading the model"),
    Metric(
        "memory_peak_mb", "MB", False, "highest rise of the resident set during inference, inputs included"
    ),
    Metric("device_memory_model_mb", "MB", False, "accelerator memory allocated by loading the model"),
    Metric("device_memory_peak_mb", "MB", False, "highest accelerator memory allocated during inference"),
    Metric("device_memory_share", "%", False, "of the accelerator's memory, highest reserved by the process"),
    Metric("energy_per_image_j", "J", False, "energy of the whole device during timing, an image"),
    Metric(
        "energy_above_idle_per_image_j", "J", False, "energy of an image beyond that of the device at rest"
    ),
    Metric("idle_power_w", "W", False, "power of the whole device at rest, before warm-up"),
    Metric("parity_max_error", "", False, "largest difference to PyTorch's f32 logits, in their deviation"),
    Metric("parity_cosine", "", True, "smallest cosine between an image's logits and PyTorch's f32 ones"),
    Metric("parity_top1_agreement", "%", True, "images with the same first class as in PyTorch's f32"),
    Metric("cpu_others", "%", False, "of the usable CPUs' time used by other processes during timing"),
    Metric("cpu_own", "%", None, "CPU time over wall time and threads during timing"),
    Metric("cpu_wait", "%", False, "of the threads' time spent runnable but waiting for a CPU"),
    Metric("cpu_pressure", "%", False, "of the time some task of the machine waited for a CPU (PSI)"),
    Metric("cpu_steal", "%", False, "of the usable CPUs' time taken by the hypervisor"),
    Metric("cpu_throttled", "%", False, "of the time the control group stood still at its quota"),
    Metric("involuntary_switches_per_s", "1/s", False, "times a thread was made to give up its CPU"),
    Metric("page_faults_per_s", "1/s", False, "memory pages the system handed over while batches ran"),
    Metric("frequency_change", "%", None, "change of the processor's clock during timing"),
    Metric("drift", "%", None, "change of the median from the first to the second half of the samples"),
    Metric("latency_observed_ms", "ms", False, "median of all timed batches, whatever the host's pace"),
    _count("rounds", None, "processes that measured the cell, spread over time"),
    _count("rounds_counted", True, "rounds beside which the machine was quiet enough"),
    Metric(
        "host_slowdown", "%", False, "how much slower than at its own pace the host was, median of blocks"
    ),
    Metric("calm_blocks", "%", True, "of the blocks of batches ran while the host was at its own pace"),
    Metric("host_pace_ms", "ms", None, "the pace probe's matrix product in the host's own state"),
    Metric("build_s", "s", False, "building the network and its weights"),
    Metric("convert_s", "s", False, "converting to the backend's format; absent when cached"),
    Metric("load_s", "s", False, "making the backend ready to infer, compilation included"),
    Metric("compile_s", "s", False, "compiling for the device"),
    Metric("first_inference_ms", "ms", False, "wall time of the very first batch"),
    Metric("published_top1", "%", True, "top-1 its authors published for the named weights"),
    Metric("published_top5", "%", True, "top-5 its authors published for the named weights"),
    Metric("top1", "%", True, "measured: images whose best class is the label"),
    Metric("top1_low", "%", True, "lower end of top1's 95 % Wilson interval"),
    Metric("top1_high", "%", True, "upper end of top1's 95 % Wilson interval"),
    Metric("top5", "%", True, "measured: images whose label is among the five best classes"),
    Metric("top5_low", "%", True, "lower end of top5's 95 % Wilson interval"),
    Metric("top5_high", "%", True, "upper end of top5's 95 % Wilson interval"),
    Metric("loss", "nats", False, "measured: mean cross-entropy of the logits with the labels"),
    Metric("top1_agreement", "%", True, "images whose best class is that of PyTorch in f32"),
    Metric(
        "rank_correlation", "", True, "mean over images of Spearman's rho of the logits with PyTorch's f32"
    ),
    _count("images", None, "images behind the measured accuracy; corrupt ones are not among them"),
    _count("corrupt_images", False, "images that could not be decoded, and are in no percentage"),
    _count("nonfinite_images", False, "images with a logit that is no finite number, counted as wrong"),
    Metric("train_loss", "nats", False, "mean cross-entropy over an epoch of training; step = epoch"),
    Metric("validation_loss", "nats", False, "cross-entropy on the held-out share; step = epoch"),
    Metric("validation_top1", "%", True, "top-1 on the held-out share, which chose the epoch; step = epoch"),
    Metric("data_images_per_s", "images/s", True, "decoding and transforming, in worker processes"),
    Metric("model_images_per_s", "images/s", True, "forward passes alone, while nothing is decoded"),
    Metric("top1_density", "%/M", True, "published top-1 per million parameters"),
    Metric("top5_density", "%/M", True, "published top-5 per million parameters"),
)
SYSTEM = "system/"
"""What the keys of diagnostics begin with in the store, by which MLflow's pages fold them."""
_DIAGNOSTICS = frozenset((
    *("warmup_iterations", "memory_baseline_mb", "memory_loaded_mb", "memory_peak_resident_mb"),
    *("cpu_others", "cpu_own", "cpu_wait", "cpu_pressure", "cpu_steal", "cpu_throttled"),
    *("involuntary_switches_per_s", "page_faults_per_s", "frequency_change", "drift", "idle_power_w"),
    *("rounds", "rounds_counted", "host_slowdown", "calm_blocks", "host_pace_ms", "latency_observed_ms"),
))  # fmt: skip
METRICS: dict[str, Metric] = {metric.name: metric for metric in _TABLE}
INTEGER_METRICS = frozenset(metric.name for metric in _TABLE if metric.integer)
_SUFFIXES = {
    "ms": "_ms",
    "s": "_s",
    "MB": "_mb",
    "J": "_j",
    "W": "_w",
    "images/s": "_images_per_s",
    "1/s": "_per_s",
}


def stored_key(name: str) -> str:
    """Return the key of a metric, or of a phase's time, in the store."""
    return f"{SYSTEM}{name}" if name in _DIAGNOSTICS or name.startswith("phase_") else name


def name_of(key: str) -> str:
    """Return the metric's name of a key in the store; those of older stores have no prefix."""
    return key.removeprefix(SYSTEM)


def label(name: str) -> str:
    """Return a metric's axis label with its unit: ``Throughput (images/s)``."""
    unit = METRICS[name].unit
    words = name.removesuffix(_SUFFIXES.get(unit, "")).replace("_", " ").capitalize()
    return f"{words} ({unit})" if unit else words

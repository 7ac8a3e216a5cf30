"""The one table of metrics: name, unit, direction, meaning.

Percentages run 0-100, MB is 10^6 bytes, times in a name's unit are wall-clock.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """One metric's definition; ``higher_is_better`` is None where neither end is better."""

    name: str
    unit: str
    higher_is_better: bool | None
    description: str


_TABLE = (
    Metric("latency_p50_ms", "ms", False, "median wall time of one batch"),
    Metric("latency_mean_ms", "ms", False, "mean wall time of one batch"),
    Metric("latency_std_ms", "ms", False, "sample standard deviation of the batch's wall time"),
    Metric("latency_min_ms", "ms", False, "shortest wall time of one batch"),
    Metric("latency_max_ms", "ms", False, "longest wall time of one batch"),
    Metric(
        "latency_per_image_ms",
        "ms",
        False,
        "median wall time of one batch over its size; of published tables the mean",
    ),
    Metric(
        "throughput_images_per_s",
        "images/s",
        True,
        "batch size over the median wall time; of published tables the mean",
    ),
    Metric("iterations", "", None, "timed batches behind the latency"),
    Metric("warmup_iterations", "", None, "batches run before timing"),
    Metric("params", "", False, "learnable parameters of the network"),
    Metric("macs", "", False, "multiply-accumulates for one image (half of the FLOPs)"),
    Metric("model_size_mb", "MB", False, "weights and graph as the backend stores them"),
    Metric("memory_baseline_mb", "MB", None, "resident set after imports, before the model"),
    Metric("memory_model_mb", "MB", False, "rise of the resident set by loading the model"),
    Metric(
        "memory_peak_mb", "MB", False, "highest rise of the resident set during inference, inputs included"
    ),
    Metric("build_s", "s", False, "building the network and its weights"),
    Metric("convert_s", "s", False, "converting to the backend's format; absent when cached"),
    Metric("load_s", "s", False, "making the backend ready to infer, compilation included"),
    Metric("compile_s", "s", False, "compiling for the device"),
    Metric("first_inference_ms", "ms", False, "wall time of the very first batch"),
    Metric("published_top1", "%", True, "top-1 its authors published for the named weights"),
    Metric("published_top5", "%", True, "top-5 its authors published for the named weights"),
    Metric("top1_density", "%/M", True, "published top-1 per million parameters"),
    Metric("top5_density", "%/M", True, "published top-5 per million parameters"),
)
METRICS: dict[str, Metric] = {metric.name: metric for metric in _TABLE}

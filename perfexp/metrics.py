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
    Metric("latency_per_image_ms", "ms", False, "median wall time of one batch over its size"),
    Metric("throughput_images_per_s", "images/s", True, "batch size over the median wall time"),
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
    Metric("images", "", None, "images behind the measured accuracy; corrupt ones are not among them"),
    Metric("corrupt_images", "", False, "images that could not be decoded, and are in no percentage"),
    Metric("nonfinite_images", "", False, "images with a logit that is no finite number, counted as wrong"),
    Metric("train_loss", "nats", False, "mean cross-entropy over an epoch of training; step = epoch"),
    Metric("validation_loss", "nats", False, "cross-entropy on the held-out share; step = epoch"),
    Metric("validation_top1", "%", True, "top-1 on the held-out share, which chose the epoch; step = epoch"),
    Metric("data_images_per_s", "images/s", True, "decoding and transforming, in worker processes"),
    Metric("model_images_per_s", "images/s", True, "forward passes alone, while nothing is decoded"),
    Metric("top1_density", "%/M", True, "published top-1 per million parameters"),
    Metric("top5_density", "%/M", True, "published top-5 per million parameters"),
)
METRICS: dict[str, Metric] = {metric.name: metric for metric in _TABLE}

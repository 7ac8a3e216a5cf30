from perfexp.metrics import INTEGER_METRICS, METRICS, label


def test_a_label_ends_with_the_unit() -> None:
    assert label("throughput_images_per_s") == "Throughput (images/s)"
    assert label("latency_per_image_ms") == "Latency per image (ms)"
    assert all(label(name).endswith(f"({metric.unit})") for name, metric in METRICS.items() if metric.unit)


def test_counts_are_integers() -> None:
    assert {"params", "macs", "iterations", "images"} <= INTEGER_METRICS

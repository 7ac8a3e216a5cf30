from perfexp.metrics import METRICS, label


def test_a_label_ends_with_the_unit() -> None:
    assert label("throughput_images_per_s") == "Throughput (images/s)"
    assert label("latency_per_image_ms") == "Latency per image (ms)"
    assert all(label(name).endswith(f"({metric.unit})") for name, metric in METRICS.items() if metric.unit)

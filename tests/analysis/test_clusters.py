import numpy as np
import pytest

from perfexp.analysis import clusters
from perfexp.analysis import study as pooled


def two_kinds(count: int = 12):
    fast = {f"fast{i}": (lambda b, i=i: (2 + 0.1 * i) + 0.2 * b) for i in range(count)}
    slow = {f"slow{i}": (lambda b, i=i: (60 + 3 * i) + 9 * b) for i in range(count)}
    return {**fast, **slow}


def test_two_kinds_of_models_are_two_stable_clusters(synthetic) -> None:
    found, _ = clusters.analyse(synthetic(two_kinds(), noise=0.02), seed=0)
    members = found["clusters"].set_index("model")["cluster"]
    assert set(members.filter(like="fast")) == {0}
    assert set(members.filter(like="slow")) == {1}
    assert (found["clusters"]["stability"] > 0.95).all()
    assert (found["clusters"]["silhouette"] > 0.5).all()
    assert set(found["cluster_bands"]["cluster"]) == {0, 1}
    assert (found["cluster_bands"]["low_per_image_ms"] < found["cluster_bands"]["high_per_image_ms"]).all()


def test_the_studys_centroids_and_exponential_are_reproduced(study) -> None:
    found = clusters.analyse(study, seed=0)[0]["centroids"]
    centroids = found.dropna(subset=["centroid_per_image_ms"])["centroid_per_image_ms"]
    assert centroids.round(1).tolist() == [12.8, 7.1, 4.8, 3.0, 2.0, 1.5, 1.3]
    assert (found["r_squared"] >= 0.97).all()
    assert (found["low_per_image_ms"] < found["predicted_per_image_ms"]).all()


def test_an_exponential_is_found_again() -> None:
    import pandas as pd

    sizes = np.array([1, 2, 4, 8, 16, 32])
    times = pd.DataFrame([8 * np.exp(-0.3 * sizes) + 2] * 3, columns=sizes)
    found = pooled.centroids(times, np.zeros(3, dtype=int))
    assert found["r_squared"].iloc[0] == pytest.approx(1)
    at4 = found.loc[found["batch_size"] == 4, "predicted_per_image_ms"].item()
    assert at4 == pytest.approx(8 * np.exp(-1.2) + 2)


def test_a_size_that_one_model_lacks_is_interpolated(synthetic) -> None:
    cells = synthetic({m: (lambda b: 5 * b**0.5) for m in "abcde"})
    cells = cells[~((cells["model"] == "a") & (cells["batch_size"] == 8))]
    curves = clusters.common_curves(cells)
    assert np.exp(curves.loc["a", 8]) == pytest.approx(5 * 8**-0.5)


def test_too_few_models_say_so(synthetic) -> None:
    found, missing = clusters.analyse(synthetic({"a": lambda b: b, "b": lambda b: 2 * b}), seed=0)
    assert found == {}
    [reason] = missing.values()
    assert "2 models share 7 batch sizes on torch" in reason


def test_equal_models_are_one_cluster() -> None:
    points = np.ones((6, 3))
    labels = clusters.cluster(points, seed=0)
    assert set(labels) == {0}
    assert np.isnan(clusters.silhouettes(points, labels)).all()

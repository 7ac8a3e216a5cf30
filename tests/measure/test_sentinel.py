import numpy as np
import pytest

from perfexp.measure import sentinel


def test_convolution_is_one() -> None:
    torch = pytest.importorskip("torch")
    _, _, images, weights = sentinel._operands()
    kernels = torch.from_numpy(weights.T.reshape(64, 64, 3, 3).copy())
    expected = torch.nn.functional.conv2d(torch.from_numpy(images[None]), kernels)[0]
    found = sentinel.convolution().T.reshape(64, 28, 28)
    assert np.allclose(found, expected.numpy(), atol=1e-3)


def test_the_median_of_five_is_timed_after_one_that_is_not() -> None:
    runs = []
    ends_ms = iter([0, 9, 10, 12, 20, 23, 30, 31, 40, 42])

    def kernel() -> np.ndarray:
        runs.append(1)
        return np.zeros(1, np.float32)

    assert sentinel._median_ms(kernel, lambda: next(ends_ms) * 1_000_000) == 2.0
    assert len(runs) == 6


def test_timings_name_both_kernels() -> None:
    found = sentinel.timings_ms()
    assert set(found) == {"gemm", "conv"}
    assert all(value > 0 for value in found.values())


def test_change_is_the_geometric_mean_of_both() -> None:
    before = {"gemm": 2.0, "conv": 4.0}
    assert sentinel.change_percent(before, {"gemm": 4.0, "conv": 8.0}) == pytest.approx(100.0)
    assert sentinel.change_percent(before, {"gemm": 4.0, "conv": 2.0}) == pytest.approx(0.0)

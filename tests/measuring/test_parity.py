import numpy as np
import pytest

from perfexp.config.schema import Precision
from perfexp.measuring.parity import BEYOND, F32_ROUNDING_FACTOR, OK, TOLERANCE, compare, tolerance


@pytest.fixture
def logits() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((4, 1000)).astype(np.float32) * 1e-3


def test_equal_logits_agree(logits: np.ndarray) -> None:
    found = compare(logits, logits)
    assert (found.max_error, found.top1_agreement) == (0.0, 100.0)
    assert found.cosine == pytest.approx(1.0)


def test_error_is_relative_to_the_references_spread(logits: np.ndarray) -> None:
    output = logits.copy()
    output[2, 5] += 0.01 * logits.astype(np.float64).std()
    for scale, offset in ((1.0, 0.0), (1e3, 0.0), (1e3, 100.0)):
        found = compare(output * scale + offset, logits * scale + offset)
        assert found.max_error == pytest.approx(0.01, rel=0.05)


def test_each_precision_has_its_tolerance(logits: np.ndarray) -> None:
    assert set(TOLERANCE) == set(Precision)
    spread = logits.astype(np.float64).std()
    off = compare(logits + np.float32(0.01 * spread), logits)
    assert off.verdict(Precision.f32) == BEYOND
    assert off.verdict(Precision.f16) == off.verdict(Precision.bf16) == OK


def test_another_networks_output_is_beyond_any(logits: np.ndarray) -> None:
    found = compare(logits[::-1], logits)
    assert found.top1_agreement == 0.0
    assert abs(found.cosine) < 0.2
    assert all(found.verdict(precision) == BEYOND for precision in Precision)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_beyond(logits: np.ndarray, value: float) -> None:
    output = logits.copy()
    output[0, 0] = value
    assert compare(output, logits).verdict(Precision.bf16) == BEYOND


def test_a_constant_reference_proves_nothing(logits: np.ndarray) -> None:
    assert compare(logits, np.zeros_like(logits)).verdict(Precision.bf16) == BEYOND


def test_f32_is_judged_by_pytorchs_own_rounding_up_to_f16s_limit() -> None:
    limits = [tolerance(Precision.f32, error) for error in (0.0, 1e-6, 2e-3, 1.0, np.nan)]
    assert limits == pytest.approx([1e-3, 1e-3, F32_ROUNDING_FACTOR * 2e-3, TOLERANCE[Precision.f16], 1e-3])
    assert tolerance(Precision.bf16, 2e-3) == TOLERANCE[Precision.bf16]

"""Tables of latencies: with known coefficients, and the published one."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from perfexp.published.base import Row
from perfexp.published.study import StudyConfig, StudySource

SIZES = (1, 2, 4, 8, 16, 32, 64)


def cells(rows: list[tuple[str, str, str, int, float]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["model", "family", "backend", "batch_size", "latency_ms"])
    frame["latency_per_image_ms"] = frame["latency_ms"] / frame["batch_size"]
    return frame


@pytest.fixture
def synthetic() -> Callable[..., pd.DataFrame]:
    """``synthetic({"a": lambda b: 5 + 2 * b}, noise=0.05)``: latency by model, multiplicative noise."""

    def make(
        curves: dict[str, Callable[[float], float]],
        noise: float = 0.0,
        sizes: tuple[int, ...] = SIZES,
        backend: str = "torch",
        seed: int = 0,
    ) -> pd.DataFrame:
        generator = np.random.default_rng(seed)
        return cells(
            [
                (model, model[0], backend, b, float(curve(b) * np.exp(generator.normal(0, noise))))
                for model, curve in curves.items()
                for b in sizes
            ]
        )

    return make


@pytest.fixture(scope="session")
def study() -> pd.DataFrame:
    """The published study's table."""
    rows = [row for row in StudySource(StudyConfig()).rows(None) if isinstance(row, Row)]
    return cells(
        [
            (r.model, r.model.rstrip("0123456789_bnx.d"), r.backend, r.batch_size, r.latency_mean_ms)
            for r in rows
        ]
    )

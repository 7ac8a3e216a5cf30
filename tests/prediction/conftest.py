import numpy as np
import pandas as pd
import pytest

from perfexp.models import features
from perfexp.prediction.model.linear import with_totals

FIXED_MS, PER_LAYER_MS, PER_MAC_MS, PER_ELEMENT_MS = 0.5, 0.02, 2e-9, 3e-8


@pytest.fixture(scope="module")
def cells() -> pd.DataFrame:
    """40 made-up networks of 10 families whose latency is known exactly, at 4 batch sizes."""
    random = np.random.default_rng(0)
    rows = []
    for number in range(40):
        row = dict.fromkeys(features.names(), 0.0)
        depth = random.integers(10, 100)
        row |= {"layers_conv3x3": depth, "layers_conv1x1": depth, "layers_elementwise": depth}
        row |= {"macs_conv3x3": random.uniform(1e8, 5e9), "macs_conv1x1": random.uniform(1e8, 3e9)}
        row |= {"moved_conv3x3": random.uniform(1e6, 3e7), "moved_conv1x1": random.uniform(1e6, 3e7)}
        row |= {"params": random.uniform(1e6, 5e7), "largest_layer": random.uniform(1e5, 1e6)}
        names = {"model": f"net{number:02}", "variant": f"net{number:02}", "family": f"family{number % 10}"}
        rows += [{**row, **names, "batch_size": size} for size in (1, 4, 16, 64)]
    frame = with_totals(pd.DataFrame(rows)).assign(backend="known")
    frame["run_id"] = [f"run{number}" for number in range(len(frame))]
    per_image = PER_MAC_MS * frame["macs"] + PER_ELEMENT_MS * frame["moved"]
    return frame.assign(
        latency_ms=FIXED_MS + PER_LAYER_MS * frame["layers"] + frame["batch_size"] * per_image
    )

"""Independent tools that time the same network: each returns the median of a batch in ms.

Those that need Python run in a spawned process of their own, as perfexp's workers do.
"""

import json
import multiprocessing
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from perfexp.cache import Cache
from perfexp.config.schema import Cell
from perfexp.models.images import random_batches
from perfexp.models.network import Network, describe, find

if TYPE_CHECKING:
    import torch

Rival = Callable[[Cell], float]
_MIN_RUN_TIME_S = 2.0


def torch_timer(cell: Cell) -> float:
    """``torch.utils.benchmark.Timer.adaptive_autorange`` on the cell's network."""
    return _in_own_process(_torch_timer, cell)


def benchmark_app(cell: Cell) -> float:
    """OpenVINO's own tool on the cached model: synchronous, in latency mode."""
    network = _network(cell)
    [model] = _converted(cell, network)
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": cell.backend.precision.value,
        "INFERENCE_NUM_THREADS": cell.backend.threads,
        "NUM_STREAMS": 1,
    }
    size = network.input_size
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "config.json")
        config.write_text(json.dumps({"CPU": settings}))
        subprocess.run(
            [
                Path(sys.executable).parent / "benchmark_app", "-m", model, "-api", "sync",
                "-load_config", config, "-shape", f"[{cell.batch_size},3,{size},{size}]",
                "-t", str(round(_MIN_RUN_TIME_S)), "-json_stats", "-report_type", "no_counters",
                "-report_folder", folder,
            ],
            check=True,
            capture_output=True,
        )  # fmt: skip
        report = json.loads(Path(folder, "benchmark_report.json").read_text())
    return float(report["execution_results"]["latency (ms)"])


def _network(cell: Cell) -> Network:
    cache = Cache(Path(cell.cache_dir))
    return find(cell, cache) or describe(cell, cache)


def _converted(cell: Cell, network: Network) -> list[Path]:
    from perfexp.backends import openvino

    return list(Path(cell.cache_dir, "openvino", openvino._key(network)).glob("*.xml"))


def _in_own_process(rival: Callable[[Cell], float], cell: Cell) -> float:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(rival, (cell,))


def _ready(cell: Cell) -> "tuple[torch.nn.Module, torch.Tensor]":
    import torch

    assert cell.backend.threads is not None
    torch.set_num_threads(cell.backend.threads)
    torch.set_num_interop_threads(1)
    network = _network(cell)
    [images] = random_batches(cell.seed, 1, cell.batch_size, network.input_size)
    return network.build(), torch.from_numpy(images)


def _torch_timer(cell: Cell) -> float:
    import torch
    from torch.utils.benchmark import Timer

    network, images = _ready(cell)
    with torch.inference_mode():
        timer = Timer(
            "network(images)",
            globals={"network": network, "images": images},
            num_threads=cell.backend.threads or 1,
        )
        measured = timer.adaptive_autorange(min_run_time=_MIN_RUN_TIME_S, max_run_time=4 * _MIN_RUN_TIME_S)
    return float(measured.median) * 1e3

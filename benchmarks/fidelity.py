"""perfexp beside independent tools: ``python -m benchmarks.fidelity [section …]``.

Sections: ``torch``, ``openvino``, ``fake``; all when none is named.
The two sides of a pair run one after the other, each in a process of its own, and which comes
first alternates; ratios are perfexp's median over the other's, pair by pair.

PyTorch takes its activations from the C library's heap, which gives them back to the system or not
as chance has laid it out: the same loop then meets 50 to 80 thousand page faults a batch, and takes
10 % more or less. Both sides keep what they freed (glibc), so that chance is out of the comparison;
``--heap default`` leaves it in on both.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable

from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks import rivals
from benchmarks.rivals import Rival
from perfexp.backends.torch import Heap
from perfexp.config.schema import Cell, InputFit, MeasureConfig, ModelConfig, Start
from perfexp.environment import usable_cpus
from perfexp.plugins import BACKENDS
from perfexp.records import Measurement
from perfexp.worker.run import run_cell

MODELS = ("resnet18", "mobilenet_v2", "densenet121", "vgg16")
BATCH_SIZES = (1, 8)
_CONSOLE = Console(width=110)
_HOLD = "glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=1000000000000"


def main() -> None:
    """Run the sections and print their tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sections", nargs="*", choices=[[], *SECTIONS], default=list(SECTIONS))
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--start", type=Start, choices=list(Start), default=Start.forked)
    parser.add_argument("--heap", type=Heap, choices=list(Heap), default=Heap.kept, help="of both sides")
    options = parser.parse_args()
    if options.heap == Heap.kept:
        os.environ["GLIBC_TUNABLES"] = _HOLD
    with tempfile.TemporaryDirectory(prefix="perfexp-fidelity-") as folder:
        for name in options.sections:
            load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
            print(f"\n{name}: load average {load} on {len(usable_cpus())} CPUs", flush=True)
            SECTIONS[name](folder, options)


def make_cell(
    folder: str, backend: str, model: str, batch_size: int, start: Start = Start.forked, **own: object
) -> Cell:
    """A cell of the default protocol, of one input batch as the rivals have one."""
    return Cell(
        model=ModelConfig("torchvision", model),
        backend=BACKENDS.schema(backend)(**{"threads": len(usable_cpus()), **own}),
        measure=MeasureConfig(rounds=1, max_rounds=1, input_buffers=1, start=start, rel_half_width=0.02),
        batch_size=batch_size,
        input_size=None,
        input_fit=InputFit.strict,
        weights="random",
        seed=0,
        cache_dir=f"{folder}/cache",
    )


def measured(cell: Cell) -> Measurement:
    """perfexp's own measurement of a cell."""
    outcome = run_cell(cell)
    assert isinstance(outcome, Measurement), outcome
    return outcome


def p50_ms(cell: Cell) -> float:
    """Median latency of a batch, measured by perfexp at the moment's pace, as the rivals measure."""
    return measured(cell).metrics["latency_observed_ms"]


def compare(backend: str, rival: Rival, low: float, high: float) -> Callable[..., None]:
    """A section that pairs perfexp with ``rival`` on every model and batch size."""

    def section(folder: str, options: argparse.Namespace) -> None:
        table = _table(
            "model", "batch", "perfexp ms", f"{rival.__name__} ms", "ratio", "min", "max", "within"
        )
        own = {"heap": options.heap} if hasattr(BACKENDS.schema(backend), "heap") else {}
        cells = [
            make_cell(folder, backend, m, b, options.start, **own)
            for m in options.models
            for b in BATCH_SIZES
        ]
        for cell in track(cells, description=rival.__name__, console=_CONSOLE, transient=True):
            pairs = _alternate(cell, rival, options.pairs)
            ratios = [own / other for own, other in pairs]
            ratio = statistics.median(ratios)
            table.add_row(
                cell.model.name, str(cell.batch_size),
                *(f"{statistics.median(side):.3f}" for side in zip(*pairs, strict=True)),
                f"{ratio:.3f}", f"{min(ratios):.3f}", f"{max(ratios):.3f}",
                "yes" if low <= ratio <= high else f"no ({low}-{high})",
            )  # fmt: skip
        _CONSOLE.print(table)

    return section


def _alternate(cell: Cell, rival: Rival, pairs: int) -> list[tuple[float, float]]:
    p50_ms(cell)  # converts and fills the caches that both sides read
    found = []
    for number in range(pairs):
        if number % 2:
            other, own = rival(cell), p50_ms(cell)
        else:
            own, other = p50_ms(cell), rival(cell)
        found.append((own, other))
    return found


def fake(folder: str, options: argparse.Namespace) -> None:
    """What the harness adds to a backend that waits 1 ms, beside a loop with nothing around it."""
    cell = make_cell(folder, "fake", "squeezenet1_1", 1, threads=1, latency_ms=1.0)
    pairs = _alternate(cell, _wait_in_a_loop, options.pairs)
    added_us = statistics.median(1e3 * (own - other) for own, other in pairs)
    table = _table("perfexp ms", "loop ms", "added µs", "within")
    sides = [f"{statistics.median(side):.4f}" for side in zip(*pairs, strict=True)]
    table.add_row(*sides, f"{added_us:.2f}", "yes" if added_us <= 20 else "no (20)")
    _CONSOLE.print(table)


def _wait_in_a_loop(_cell: Cell) -> float:
    def wait() -> int:
        began = time.perf_counter_ns()
        while time.perf_counter_ns() < began + 1_000_000:
            pass
        return time.perf_counter_ns() - began

    return statistics.median(wait() for _ in range(1000)) / 1e6


def _table(*headings: str) -> Table:
    table = Table()
    for heading in headings:
        table.add_column(heading, justify="left" if heading in ("model", "procedure", "machine") else "right")
    return table


SECTIONS: dict[str, Callable[[str, argparse.Namespace], None]] = {
    "torch": compare("torch", rivals.torch_timer, 0.98, 1.02),
    "openvino": compare("openvino", rivals.benchmark_app, 0.97, 1.03),
    "fake": fake,
}

if __name__ == "__main__":
    main()

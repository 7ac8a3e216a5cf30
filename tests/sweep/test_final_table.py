from dataclasses import replace
from io import StringIO

from rich.console import Console

from perfexp.records import Outcome
from perfexp.sweep import final_table

MEASURED = Outcome(
    "resnet18",
    "torch",
    8,
    "FINISHED",
    metrics={
        "latency_p50_ms": 16.0,
        "latency_p50_low_ms": 15.0,
        "latency_p50_high_ms": 16.8,
        "throughput_images_per_s": 500.0,
    },
    tags={"verdict": "clean"},
)
FAILED = Outcome("vgg16", "torch", 1, "FAILED", "It broke.")


def slow(percent: int) -> Outcome:
    taint = f"this host ran {percent} % slower than its own pace"
    return replace(MEASURED, tags={"verdict": "tainted", "taint": taint})


def test_the_table_shows_numbers_their_interval_and_reasons() -> None:
    screen = StringIO()
    final_table.show([MEASURED, FAILED], 0, Console(file=screen, width=120))
    shown = screen.getvalue()
    assert "16.000" in shown and "500.0" in shown and "clean" in shown and " 6.2 " in shown
    assert "FAILED vgg16 torch b1: It broke." in shown
    assert "tainted" not in shown


def test_a_name_that_looks_like_markup_is_shown_as_it_is() -> None:
    screen = StringIO()
    final_table.show([replace(MEASURED, model="net[/x]")], 0, Console(file=screen, width=120))
    assert "net[/x]" in screen.getvalue()


def test_one_sentence_tells_how_many_cells_are_tainted_why_and_what_to_do() -> None:
    busy = {
        "verdict": "tainted",
        "taint": "45.1 % of the usable CPUs' time went to other processes (limit 5)",
    }
    cells = [MEASURED, slow(37), slow(41), replace(MEASURED, tags=busy)]
    [line] = final_table.notes(cells, 0)
    assert line.startswith(
        "3 of 4 cells are tainted (2 × this host ran 37 % slower than its own pace; 1 × 45"
    )
    assert "% of the usable CPUs' time went to other processes" in line and "sweep.rerun=tainted" in line


def test_two_latencies_and_unfinished_cells_are_told() -> None:
    both = replace(MEASURED, tags={"modes": "16.0 ms (2 rounds) and 21.0 ms (1 rounds)"})
    first, second = final_table.notes([both], 3)
    assert first.startswith("resnet18 torch b8 has two latencies, 16.0 ms (2 rounds) and 21.0 ms")
    assert second.startswith("3 more cells have had some rounds")

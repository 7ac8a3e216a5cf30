"""What the terminal shows at the end: one line a cell, and what is to know of those that are not clean."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from perfexp.console import table
from perfexp.records import Outcome, Verdict

if TYPE_CHECKING:
    from rich.console import Console

_COLUMNS = {
    "model": False, "backend": False, "batch": True, "latency ms": True, "± %": True,
    "images/s": True, "memory MB": True, "status": False, "verdict": False,
}  # fmt: skip
_SHOWN_REASONS = 2
_NUMBER = re.compile(r"-?[\d.]+")


def show(outcomes: Sequence[Outcome], unfinished: int, console: "Console") -> None:
    """Print the table, the reasons of cells without numbers, and one sentence on tainted ones.

    ``unfinished`` counts the cells that have had rounds, but no run yet.
    """
    console.print(table("perfexp", _COLUMNS, [_row(outcome) for outcome in outcomes]))
    for line in notes(outcomes, unfinished):
        print(line, file=console.file)


def notes(outcomes: Sequence[Outcome], unfinished: int) -> list[str]:
    """Return the sentences below the table."""
    lines = [f"{o.status} {o.title}: {o.reason}" for o in outcomes if not o.has_numbers]
    lines += [
        f"{o.title} has two latencies, {o.tags['modes']}: its median tells of neither."
        for o in outcomes
        if "modes" in o.tags
    ]
    tainted = [o for o in outcomes if o.has_numbers and o.tags.get("verdict") == Verdict.TAINTED]
    if tainted:
        lines.append(
            f"{len(tainted)} of {len(outcomes)} cells are tainted ({_reasons(tainted)}): another measurement "
            "may fall outside their intervals; when the machine is quieter, repeat them with "
            "sweep.rerun=tainted."
        )
    if unfinished:
        lines.append(f"{unfinished} more cells have had some rounds: the same command goes on with them.")
    return lines


def _reasons(tainted: Sequence[Outcome]) -> str:
    """Return the commonest kinds of first reasons, each with its number and as it was told once."""
    kinds: dict[str, list[str]] = {}
    for outcome in tainted:
        first = outcome.tags.get("taint", "").split("; ", 1)[0]
        kinds.setdefault(_NUMBER.sub("", first), []).append(first)
    commonest = sorted(kinds.values(), key=len, reverse=True)[:_SHOWN_REASONS]
    return "; ".join(f"{len(told)} × {told[0]}" for told in commonest)


def _row(outcome: Outcome) -> tuple[str, ...]:
    def shown(name: str, form: str) -> str:
        return f"{outcome.metrics[name]:{form}}" if name in outcome.metrics else "-"

    half = outcome.half_width
    return (
        *(outcome.model, outcome.backend, str(outcome.batch_size)),
        *(shown("latency_p50_ms", ".3f"), "-" if half is None else f"{100 * half:.1f}"),
        *(shown("throughput_images_per_s", ".1f"), shown("memory_peak_mb", ".1f")),
        *(outcome.status, outcome.tags.get("verdict", "-")),
    )

"""What the terminal shows at the end: one line a cell, and what is to know of those that are not clean."""

import re
from collections.abc import Mapping, Sequence
from math import inf
from typing import TYPE_CHECKING

from perfexp.console import say, table
from perfexp.records import Outcome, by_value, headings, shown

if TYPE_CHECKING:
    from rich.console import Console

_COLUMNS = {
    "latency ms": True, "± %": True, "images/s": True, "memory MB": True, "status": False, "verdict": False,
}  # fmt: skip
_SHOWN_REASONS = 2
_NUMBER = re.compile(r"-?[\d.]+")


def show(outcomes: Sequence[Outcome], unfinished: int, console: "Console") -> None:
    """Print the table, the reasons of cells without numbers, and one sentence on tainted ones.

    What all cells have in common stands above the table. ``unfinished`` counts the cells that have had
    rounds, but no run yet.
    """
    cells = sorted(((_named(outcome), outcome) for outcome in outcomes), key=lambda cell: _order(cell[0]))
    keys = list(dict.fromkeys(key for names, _ in cells for key in names))
    varied = [key for key in keys if len({names.get(key) for names, _ in cells}) > 1] or keys
    short = headings(keys)
    common = [
        cells[0][0][key] if key in ("model", "backend") else f"{short[key]} {cells[0][0][key]}"
        for key in keys
        if key not in varied
    ]
    columns = {short[key]: all(by_value(names.get(key, ""))[0] < inf for names, _ in cells) for key in varied}
    rows = [(*(names.get(key, "-") for key in varied), *_numbers(outcome)) for names, outcome in cells]
    console.print(table(", ".join(["perfexp", *common]), columns | _COLUMNS, rows))
    for line in notes(outcomes, unfinished):
        say(line, file=console.file)


def notes(outcomes: Sequence[Outcome], unfinished: int) -> list[str]:
    """Return the sentences below the table."""
    lines = [f"{o.status} {o.title}: {o.reason}" for o in outcomes if not o.has_numbers]
    lines += [
        f"{o.title} has two latencies, {o.tags['modes']}: its median tells of neither."
        for o in outcomes
        if "modes" in o.tags
    ]
    tainted = [o for o in outcomes if o.has_numbers and o.tainted]
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


def _named(outcome: Outcome) -> dict[str, str]:
    """Return what names the cell: model, backend, batch size, and the other keys that are swept."""
    variant = {key: shown(value) for key, value in outcome.variant.items()}
    return {"model": outcome.model, "backend": outcome.backend, "batch": str(outcome.batch_size), **variant}


def _order(names: Mapping[str, str]) -> list[tuple[float, str]]:
    """Return what sorts cells by their names: numbers by their value, before text."""
    return [by_value(text) for text in names.values()]


def _numbers(outcome: Outcome) -> tuple[str, ...]:
    def shown(name: str, form: str) -> str:
        return f"{outcome.metrics[name]:{form}}" if name in outcome.metrics else "-"

    half = outcome.half_width
    return (
        *(shown("latency_p50_ms", ".3f"), "-" if half is None else f"{100 * half:.1f}"),
        *(shown("throughput_images_per_s", ".1f"), shown("memory_peak_mb", ".1f")),
        *(outcome.status, outcome.tags.get("verdict", "-")),
    )

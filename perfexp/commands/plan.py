"""List the models, backends and batch sizes that keep to limits.

  perfexp plan max_latency_ms=50 percentile=95 min_top1=72 experiment=NAME

A latency is that of a whole batch; max_latency_per_image_ms limits it divided by the batch size. The plan
also names the runs that would settle doubtful choices.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from perfexp import console
from perfexp.config import checks
from perfexp.errors import ConfigError, NotMet, listed
from perfexp.prediction import data, planner
from perfexp.prediction.planner import PlanConfig as Config

if TYPE_CHECKING:
    import pandas as pd

_SHOWN, _SETTLING = 20, 5
NEEDS_ARGUMENTS = True


def main(settings: Config) -> None:
    """Print the choices.

    Raises:
        NothingToDo: there are no runs to learn from.
        NotMet: no choice keeps to all limits.
    """
    limits = settings.limits
    if not limits or not settings.batch_sizes:
        raise ConfigError(
            "The plan asks for nothing; give max_latency_ms=, max_latency_per_image_ms=, "
            "min_throughput= or min_top1=."
        )
    checks.positive(limits)
    checks.inside(0, 100, {"percentile": settings.percentile}, "a percentage, as in percentile=95")
    if settings.min_top1 is not None:
        checks.inside(0, 100, {"min_top1": settings.min_top1}, "a percentage, as in min_top1=72")
    cells = data.cells(settings, console.say)
    with console.progress() as begin:
        choices = planner.choices(settings, cells, begin, console.say)
    judged = planner.judge(choices, limits)
    if (judged["verdict"] == planner.FAILS).all():
        raise NotMet(
            f"None of {len(judged)} choices keeps to all limits ({planner.refusals(choices, limits)}); "
            "loosen one, or measure other models."
        )
    _print(judged, planner.to_settle(judged, limits), _sizes(cells))


def _print(judged: "pd.DataFrame", settling: "pd.DataFrame", about: Sequence[str]) -> None:
    columns = ("model", "backend", "batch", "latency ms (batch)", "images/s", "top-1 %", "from", "verdict")
    rows = []
    left = judged[judged["verdict"] != planner.FAILS]
    for row in left.head(_SHOWN).itertuples():
        span = "" if row.measured else f" ({row.low_ms:.3g}–{row.high_ms:.3g})"
        rows.append(
            (
                f"{row.model}", f"{row.backend}", f"{row.batch_size}", f"{row.latency_ms:.4g}{span}",
                f"{row.throughput_images_per_s:.4g}", f"{row.top1:.2f}".replace("nan", "-"),
                "measured" if row.measured else "predicted", f"{row.verdict}",
            )
        )  # fmt: skip
    table = console.table("perfexp plan", dict.fromkeys(columns, False), rows)
    console.terminal().print(table)
    counts = judged["verdict"].value_counts()
    console.say(
        ", ".join(f"{count} {verdict}" for verdict, count in counts.items()) + f" of {len(judged)} choices."
    )
    for line in [*_notes(left), *about]:
        console.say(line)
    if len(settling):
        console.say("The cheapest runs that would settle a doubtful choice:")
    for row in settling.head(_SETTLING).itertuples():
        console.say(f"  perfexp {row.overrides} batch_size={row.batch_size}")


def _notes(left: "pd.DataFrame") -> list[str]:
    """Return what the table of these choices does not show."""
    notes = []
    if len(left) > _SHOWN:
        notes.append(
            f"Shown are the first {_SHOWN} of {len(left)} that do not fail; narrower limits leave fewer."
        )
    if untold := sorted(set(left.loc[left["top1"].isna(), "model"].astype(str))):
        notes.append(
            f"No top-1 is published with the library of these, which stand behind others: {listed(untold)}."
        )
    return notes


def _sizes(cells: "pd.DataFrame") -> list[str]:
    """Return for which images the latencies and the accuracies are, as far as the runs tell."""
    known = sorted(cells["effective_input_size"].dropna().unique()) if "effective_input_size" in cells else []
    if not known:
        return []
    shown = listed([f"{size:g}" for size in known])
    return [f"Latencies are at input size {shown}; top-1 is published at the size of each model's weights."]

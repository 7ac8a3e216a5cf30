"""Terminal output: the numbers of one evaluation, and the table of several."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from perfexp.config.schema import Cell
from perfexp.console import say, table
from perfexp.evaluation.evaluator import Evaluation
from perfexp.evaluation.plan import Plan
from perfexp.records import FINISHED, Outcome
from perfexp.store.run_data import RunData

if TYPE_CHECKING:
    from rich.console import Console

_CORRUPT_SHOWN = 20
_COLUMNS = (
    ("top1", "top1 %", ".2f"),
    ("top5", "top5 %", ".2f"),
    ("top1_agreement", "agrees %", ".2f"),
    ("model_images_per_s", "images/s", ".1f"),
)


def outcome(cell: Cell, run: RunData, run_id: str | None) -> Outcome:
    """Return how an evaluation of a sweep ended, for progress lines and the table."""
    return run.outcome(cell, run_id, {metric for metric, _, _ in _COLUMNS}, run.name)


def print_table(outcomes: Sequence[Outcome], console: "Console") -> None:
    """Print the table at the end, and the reasons of failures."""
    headings = {heading: True for _, heading, _ in _COLUMNS}
    rows = [
        (
            outcome.title,
            *(f"{outcome.metrics[k]:{f}}" if k in outcome.metrics else "-" for k, _, f in _COLUMNS),
            outcome.status,
        )
        for outcome in outcomes
    ]
    console.print(table("perfexp evaluate", {"evaluation": False, **headings, "status": False}, rows))
    for outcome in outcomes:
        if outcome.status != FINISHED:
            say(f"{outcome.status} {outcome.title}: {outcome.reason}", file=console.file)


def print_numbers(plan: Plan, evaluation: Evaluation, metrics: Mapping[str, float]) -> None:
    """Print accuracy with counts and intervals, agreement, speeds, and images that were left out."""
    scored = evaluation.scored
    for name, below in (("top1", 1), ("top5", 5)):
        right = int((scored.scores.rank < below).sum())
        interval = f"95 % {metrics[f'{name}_low']:.1f} to {metrics[f'{name}_high']:.1f}"
        say(f"  {name} {metrics[name]:.2f} %  ({right} of {len(scored.indices)}, {interval})")
    if "loss" in metrics:
        say(f"  loss {metrics['loss']:.4f}")
    if "top1_agreement" in metrics:
        say(f"  agrees with PyTorch f32 on {metrics['top1_agreement']:.2f} % of best classes, ", end="")
        say(f"rank correlation {metrics.get('rank_correlation', float('nan')):.5f}")
    say(f"  data path {metrics['data_images_per_s']:.1f} images/s in {plan.workers} processes, ", end="")
    say(f"model {metrics['model_images_per_s']:.1f} images/s")
    say(f"  labelled by {plan.dataset.labelled_by}; preprocessing of {plan.preprocessing.origin}")
    if "int8_layers" in evaluation.effective:
        say(f"  {evaluation.effective['int8_layers']} layers in int8, ", end="")
        say(f"calibrated with {evaluation.effective['calibration']}")
    if evaluation.resumed_images:
        say(f"  {evaluation.resumed_images} images were evaluated before a stop, and kept")
    _print_corrupt(plan, evaluation)


def _print_corrupt(plan: Plan, evaluation: Evaluation) -> None:
    corrupt = evaluation.scored.corrupt
    if not corrupt:
        return
    say(f"  {len(corrupt)} images could not be decoded and are in no percentage above:")
    for index, reason in list(corrupt.items())[:_CORRUPT_SHOWN]:
        say(f"    {plan.dataset.items[index].name}: {reason}")
    if len(corrupt) > _CORRUPT_SHOWN:
        say(f"    and {len(corrupt) - _CORRUPT_SHOWN} more, in the run's corrupt.csv")

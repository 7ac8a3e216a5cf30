"""What MLflow's page shows as a run's description, in Markdown."""

import re

from perfexp.records import Failure, Measurement, Verdict

_LINKS, _BACKSLASHED = re.compile(r"[\[\]<>]"), r"\\\g<0>"
"""What would fetch an image or make a link of text from elsewhere, and how it stays text."""

EXPERIMENT = """Image classifiers on backends, measured by perfexp: the tag `kind` tells what a run is.

| `tags.kind` | one run for each |
|---|---|
| `cell` | measured model × backend × batch size: latency of a batch, throughput, memory, accuracy |
| `curve` | combination of the other swept keys, with step = batch size |
| `sweep` | sweep: how its cells ended, a table and a picture |
| `published` | cell of an imported table |
| `evaluation`, `finetuning` | accuracy on labelled images, a trained network |
| `analysis`, `validation`, `selftest`, `active` | report, check of predictions, check of the clock, trace |

Filter by it, as in `tags.kind = 'cell' and tags.sweep = 'quick'`; `perfexp ui` opens prepared views."""


def cell_note(outcome: Measurement | Failure, command: str) -> str:
    """Return a cell's numbers with their interval, its verdict with the reasons, and how to repeat it."""
    told = f"**{outcome.kind}**: {outcome.message}" if isinstance(outcome, Failure) else _result(outcome)
    indented = "\n    ".join(command.splitlines())
    return f"{_LINKS.sub(_BACKSLASHED, told)}\n\nTo measure it again:\n\n    {indented}"


def escaped(text: str) -> str:
    """Return text from elsewhere so that in Markdown it makes no link and fetches no image."""
    return _LINKS.sub(_BACKSLASHED, " ".join(text.splitlines()))


def _result(outcome: Measurement) -> str:
    metrics, labels = outcome.metrics, outcome.labels
    low, high = metrics.get("latency_p50_low_ms"), metrics.get("latency_p50_high_ms")
    interval = "" if low is None or high is None else f" (95 % interval {low:.4g} to {high:.4g})"
    first = f"**{metrics['latency_p50_ms']:.4g} ms** a batch{interval}"
    if "throughput_images_per_s" in metrics:
        first += f", {metrics['throughput_images_per_s']:.4g} images/s"
    verdict = labels.get("verdict", Verdict.CLEAN)
    reasons = f": {labels['taint']}" if "taint" in labels else ""
    absent = "".join(f"\n- no `{name}`: {reason}" for name, reason in outcome.absent.items())
    return f"{first}; {verdict}{reasons}." + (f"\n{absent}" if absent else "")

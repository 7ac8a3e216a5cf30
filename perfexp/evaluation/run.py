"""An evaluation as an MLflow run: metrics, tags, and tables as artifacts."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from perfexp.analysis.spreadsheet import as_csv
from perfexp.config.schema import Cell, flatten
from perfexp.evaluation.evaluator import Evaluation, is_reference
from perfexp.evaluation.plan import EvaluateConfig, Plan
from perfexp.evaluation.scores import per_class, summarise
from perfexp.models import weights
from perfexp.models.network import Network
from perfexp.records import Failure
from perfexp.store.build import failed_status, failure_tags, host_tags
from perfexp.store.run_data import RunData

if TYPE_CHECKING:
    import pandas as pd

_CHOICES = ("weights", "resize", "workers", "images_at_once", "agreement")


def metrics(evaluation: Evaluation, network: Network) -> dict[str, float]:
    """Return accuracy in percent, loss in nats, images/s of data path and of model, published accuracy."""
    scored = evaluation.scored
    found = {
        **summarise(scored.scores),
        "corrupt_images": float(len(scored.corrupt)),
        "data_images_per_s": (len(scored.indices) + len(scored.corrupt)) / scored.data_s,
        "model_images_per_s": len(scored.indices) / scored.model_s,
        "params": float(network.description.params),
        "macs": float(network.description.macs),
    }
    if network.cell.weights == weights.PRETRAINED:
        published = {
            "published_top1": network.description.published_top1,
            "published_top5": network.description.published_top5,
        }
        found |= {name: value for name, value in published.items() if value is not None}
    return found


def draft(
    settings: EvaluateConfig,
    plan: Plan,
    evaluation: Evaluation,
    facts: Mapping[str, str],
    config_yaml: str,
    started_ms: int,
    folder: Path,
) -> RunData:
    """Return the run; tables are written into ``folder``, whose content becomes artifacts."""
    _write_tables(plan, evaluation, folder)
    return RunData(
        name=_name(settings),
        status="FINISHED",
        started_ms=started_ms,
        metrics=[(name, value, 0) for name, value in metrics(evaluation, plan.network).items()],
        params=_params(settings, plan.cell),
        tags=_tags(settings, plan, evaluation) | host_tags(facts) | settings.sweep.tags(),
        files={"config.yaml": config_yaml, "environment.json": json.dumps(dict(facts), indent=1)},
        paths=[("", path) for path in sorted(folder.iterdir())],
    )


def failed_draft(
    settings: EvaluateConfig,
    cell: Cell,
    failure: Failure,
    facts: Mapping[str, str],
    config_yaml: str,
    started_ms: int,
) -> RunData:
    """Return the run of an evaluation without a result, tagged as a failed cell is."""
    named = {"kind": "evaluation", "model": cell.model.name, **failure_tags(cell.model, failure)}
    return RunData(
        name=_name(settings),
        status=failed_status(failure),
        started_ms=started_ms,
        metrics=[],
        params=_params(settings, cell),
        tags=named | host_tags(facts) | settings.sweep.tags(),
        files={
            "config.yaml": config_yaml,
            "environment.json": json.dumps(dict(facts), indent=1),
            "traceback.txt": failure.traceback or failure.message,
        },
    )


def _name(settings: EvaluateConfig) -> str:
    backend = settings.backend
    return f"{settings.model.name} {backend.name} {backend.precision.value} on {settings.dataset.name}"


def _params(settings: EvaluateConfig, cell: Cell) -> dict[str, str]:
    choices = {k: v for k, v in cell.choices().items() if not k.startswith("measure.")}
    choices |= flatten({"dataset": asdict(settings.dataset)}) | {k: getattr(settings, k) for k in _CHOICES}
    return {key: str(value) for key, value in choices.items()}


def _tags(settings: EvaluateConfig, plan: Plan, evaluation: Evaluation) -> dict[str, str]:
    network, named = plan.network, plan.network.labels()
    tags = {
        "kind": "evaluation",
        "evaluation_key": plan.key,
        "model": plan.cell.model.name,
        "family": network.family,
        "display_name": named["display_name"],
        "weights_identity": network.weights_identity,
        "dataset_digest": plan.dataset.digest,
        "dataset_images": str(len(plan.dataset.items)),
        "dataset_classes": str(len(plan.dataset.class_names)),
        "labelled_by": plan.dataset.labelled_by,
        "preprocessing": plan.preprocessing.steps,
        "preprocessing_of": plan.preprocessing.origin,
        "resumed_images": str(evaluation.resumed_images),
        **{f"effective.{k}": v for k, v in evaluation.effective.items()},
        **{f"absent.{k}": v for k, v in _absent(settings, plan.cell, network).items()},
    }
    if plan.cell.weights == weights.PRETRAINED and "published_weights" in named:
        tags["published_weights"] = named["published_weights"]
    return tags


def _absent(settings: EvaluateConfig, cell: Cell, network: Network) -> dict[str, str]:
    absent: dict[str, str] = {}
    if not settings.agreement or is_reference(cell):
        asked = "agreement=false was asked for"
        absent["top1_agreement"] = "this run is the reference itself" if settings.agreement else asked
        absent["rank_correlation"] = absent["top1_agreement"]
    if cell.weights != weights.PRETRAINED:
        absent["published_top1"] = absent["published_top5"] = "nothing is published for these weights"
    elif network.description.published_top1 is None:
        reason = "the model's library publishes no accuracy with its package"
        absent["published_top1"] = absent["published_top5"] = reason
    return absent


def _write_tables(plan: Plan, evaluation: Evaluation, folder: Path) -> None:
    import pandas as pd

    scored, items = evaluation.scored, plan.dataset.items
    labels = np.array([items[index].label for index in scored.indices], dtype=np.int64)
    classes = as_csv(per_class(scored.scores, labels, plan.dataset.class_names))
    (folder / "per_class.csv").write_text(classes, encoding="utf-8")
    predictions(plan, evaluation).to_csv(folder / "predictions.csv.gz", index=False)
    if scored.corrupt:
        rows = [(items[index].name, reason) for index, reason in scored.corrupt.items()]
        corrupt = as_csv(pd.DataFrame(rows, columns=["file", "reason"]))
        (folder / "corrupt.csv").write_text(corrupt, encoding="utf-8")


def predictions(plan: Plan, evaluation: Evaluation) -> "pd.DataFrame":
    """Return one row per image: file, label, the label's rank, loss, and the best classes in order."""
    import pandas as pd

    scored, items = evaluation.scored, plan.dataset.items
    scores = scored.scores
    table = pd.DataFrame(
        {
            "file": [items[index].name for index in scored.indices],
            "label": [items[index].label for index in scored.indices],
            "rank": scores.rank,
            "loss": scores.loss,
        }
    )
    for place in range(scores.best.shape[1]):
        table[f"best{place + 1}"] = scores.best[:, place]
    return table

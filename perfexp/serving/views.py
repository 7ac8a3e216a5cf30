"""Prepared views of MLflow's runs page, each opened by an address.

MLflow stores a shared view as an experiment tag: filter, columns and chart cards, compressed.
The format belongs to its user interface and is not public; this is the one of MLflow 3.17.

A sweep has two views. "cell" lists and compares the measured cells; "curve" draws the lines
against the batch size. They are two because a curve run repeats its cells' metrics with the
batch size as step: in one view each scatter would count a curve's largest batch twice, and
each line chart would list every cell in its legend.

The page titles charts with metric names, even if the view gives titles, so the cards have none.
"""

import base64
import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, urlencode

from perfexp.records import RunKind
from perfexp.store.search import mlflow_filter

Kind = Literal[RunKind.CELL, RunKind.CURVE]
Mode = Literal["CHART", "TABLE"]
Card = Mapping[str, object]

_CURVES = ("latency_p50_ms", "throughput_images_per_s", "latency_per_image_ms")
_TAG_PREFIX = "mlflow.sharedViewState."
_OWN_SECTION = "perfexp"
_REST_SECTION = "Model metrics"
"""MLflow adds a bar chart of every metric without one to the section of this name."""

_WIDTHS: Mapping[Kind, Mapping[str, int]] = {
    RunKind.CELL: {
        "attributes.`Run Name`": 230,
        "params.`batch_size`": 90,
        "tags.`verdict`": 80,
        "metrics.`latency_p50_ms`": 120,
        "metrics.`throughput_images_per_s`": 190,
        "metrics.`memory_peak_mb`": 130,
        "metrics.`published_top1`": 120,
        "params.`model.name`": 150,
        "params.`backend.name`": 120,
        "duration": 80,
        "tags.`taint`": 320,
        "tags.`reason`": 320,
    },
    RunKind.CURVE: {
        "attributes.`Run Name`": 230,
        "params.`model.name`": 150,
        "params.`backend.name`": 120,
        "tags.`family`": 120,
        "duration": 80,
    },
}
"""The table's columns from left to right, in pixels; MLflow always shows the first and duration."""
_AXIS_WIDTH = 110


@dataclass(frozen=True)
class SavedView:
    """One view as a tag of the experiment, in MLflow's format; addresses hold its ``share_key``."""

    share_key: str
    tag_name: str
    tag_value: str


def shared_view(
    sweep_id: str | None,
    now_ms: int,
    kind: Kind = RunKind.CELL,
    axes: Sequence[str] = (),
    tags: Mapping[str, str] | None = None,
) -> SavedView:
    """Return the view of one sweep's cells or curves; nothing is written.

    The key depends on the sweep and the kind alone, so writing a view again replaces it.

    Args:
        sweep_id: the sweep to show; None shows the whole experiment.
        now_ms: the view's date, in ms since the epoch.
        kind: which runs to show.
        axes: the keys that the sweep varies besides model, backend and batch size.
        tags: what all runs of the sweep have; by default its id, which cells lack that it found finished.
    """
    digest = hashlib.sha256((sweep_id or "").encode()).hexdigest()[:12]
    share_key = f"perfexp-{kind}-{digest}"
    packed = zlib.compress(
        json.dumps(_state(tags or {"sweep_id": sweep_id}, kind, axes), separators=(",", ":")).encode()
    )
    envelope = {
        "name": f"perfexp {kind}s, {sweep_id or 'all sweeps'}",
        "createdAt": now_ms,
        "state": "deflate;" + base64.b64encode(packed).decode(),
    }
    return SavedView(share_key, _TAG_PREFIX + share_key, json.dumps(envelope))


def view_url(base_url: str, experiment_id: str, view: SavedView | None, mode: Mode = "CHART") -> str:
    """Return the address of an experiment's runs, on the prepared view if there is one.

    Args:
        base_url: the server's address, such as ``http://127.0.0.1:5000``.
        experiment_id: MLflow's id of the experiment.
        view: the view to open; None opens the plain page.
        mode: whether the view opens on its charts or on its table.
    """
    query = {"workflowType": "machine_learning"}
    if view is not None:
        query = {"viewStateShareKey": view.share_key, "compareRunsMode": mode, **query}
    return f"{base_url.rstrip('/')}/#/experiments/{quote(experiment_id)}/runs?{urlencode(query)}"


def _state(tags: Mapping[str, str | None], kind: Kind, axes: Sequence[str]) -> dict[str, object]:
    (first, width), *others = _WIDTHS[kind].items()
    widths = {first: width, **{f"params.`{axis}`": _AXIS_WIDTH for axis in axes}, **dict(others)}
    return {
        "searchFilter": mlflow_filter(kind=kind, **tags),
        "orderByKey": "attributes.start_time",
        "orderByAsc": True,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": [column for column in widths if "`" in column],
        "columnOrder": list(widths),
        "columnWidths": dict(widths),
        "runsHiddenMode": "SHOW_ALL",
        "compareRunCharts": [
            {"uuid": f"perfexp-{place}", "metricSectionId": _OWN_SECTION, **card}
            for place, card in enumerate(_cell_cards(axes) if kind == RunKind.CELL else map(_line, _CURVES))
        ],
        "compareRunSections": [
            _section(_OWN_SECTION, is_open=True),
            _section(_REST_SECTION, is_open=False),
        ],
        "isAccordionReordered": True,
    }


def _section(name: str, *, is_open: bool) -> Mapping[str, object]:
    return {"uuid": name, "name": name, "display": is_open, "columns": 2, "isReordered": False}


def _cell_cards(axes: Sequence[str]) -> Sequence[Card]:
    bars = ("throughput_images_per_s", "latency_p50_ms", "memory_peak_mb")
    return [
        _scatter("latency_per_image_ms", "published_top1"),
        _scatter("latency_p50_ms", "throughput_images_per_s"),
        {
            "type": "PARALLEL",
            "selectedParams": ["batch_size", *axes],
            "selectedMetrics": ["latency_p50_ms", "throughput_images_per_s", "memory_peak_mb"],
            "showAllRuns": True,
        },
        *({"type": "BAR", "metricKey": metric} for metric in bars),
    ]


def _scatter(horizontal: str, vertical: str) -> Card:
    return {
        "type": "SCATTER",
        "xaxis": {"key": horizontal, "type": "METRIC"},
        "yaxis": {"key": vertical, "type": "METRIC"},
    }


def _line(metric: str) -> Card:
    return {
        "type": "LINE",
        "metricKey": metric,
        "selectedMetricKeys": [metric],
        "xAxisKey": "step",
        "xAxisScaleType": "log",
        "scaleType": "log",
        "lineSmoothness": 0,
        "displayPoints": True,
        "useGlobalXaxisKey": False,
        "useGlobalLineSmoothing": False,
    }

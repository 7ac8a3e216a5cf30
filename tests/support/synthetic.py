"""Results of an analysis made up from facts: the study's 33 models, or thousands drawn around them."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import curve_fit

from perfexp.analysis.results import Results

BATCHES = (1, 2, 4, 8, 16, 32, 64)
SLOWER = {"torch": 1.0, "openvino": 0.55, "onnxruntime": 0.7, "tvm": 1.3}
KEYS = ["model", "family", "backend"]


def build_results(
    backends: Sequence[str] = ("torch", "openvino"), count: int | None = None, **without: Sequence[str]
) -> Results:
    """Results with every table filled.

    Args:
        backends: each one a constant factor and some noise away from the study's times.
        count: of models; the first of the study's where they suffice, else drawn around them.
        without: as in ``runs=["params"]``: columns to drop from a table.
    """
    runs = make_runs(backends, count)
    fits = pd.concat([fit(cells) for _, cells in runs.groupby(KEYS)], ignore_index=True)
    clusters = make_clusters(runs)
    tables = {
        "runs": runs,
        "left_out": pd.DataFrame({
            "run_id": ["a1", "b2"], "model": ["vgg19", "<script>alert(1)</script>"], "backend": "torch",
            "batch_size": [64, 64], "reason": ["out of memory", "tainted: <b>steal</b> 12 %"],
        }),
        "scaling": make_scaling(fits),
        "bands": fits.assign(form="affine", **{
            f"{kind}_{end}_ms": fits["predicted_ms"] * factor
            for kind, reach in (("confidence", 0.05), ("prediction", 0.15))
            for end, factor in (("low", 1 - reach), ("high", 1 + reach))
        }).drop(columns=["fixed", "marginal"]),
        "residuals": make_residuals(fits),
        "clusters": clusters,
        "cluster_bands": make_cluster_bands(runs, clusters),
        "centroids": pd.concat([make_centroids(str(name), c) for name, c in runs.groupby("backend")]),
        "evaluations": make_evaluations(runs),
        "anova": pd.DataFrame({
            "term": ["model", "batch_size"], "df": [32.0, 6.0], "sum_sq": [210.5, 96.1], "f": [88.2, 203.4],
            "p": [1e-80, 1e-90], "partial_eta_sq": [0.93, 0.86], "method": "OLS, type II",
        }),
        "tukey": pd.DataFrame({
            "factor": "batch_size", "group1": [1, 2], "group2": [2, 4], "mean_difference": [-0.6, -0.5],
            "low": [-0.8, -0.7], "high": [-0.4, -0.3], "p_adjusted": [1e-5, 2e-4], "reject": True,
        }),
        "assumptions": pd.DataFrame({
            "check": ["normal residuals"], "statistic": [0.97], "p": [0.01], "holds": [False],
            "remedy": ["rank transform"],
        }),
    }  # fmt: skip
    for name, columns in without.items():
        tables[name] = tables[name].drop(columns=list(columns))
    names = runs.drop_duplicates("model")
    return Results(
        **tables,
        findings=("The affine form wins on 29 of 33 models.", "VGG-11 is the fastest & AlexNet close."),
        missing={},
        labels=dict(zip(names["model"].astype(str), names["display_name"].astype(str), strict=True)),
    )


def make_models(count: int | None) -> pd.DataFrame:
    known = pd.read_csv(Path(__file__).with_name("study_models.csv"))
    if count is None or count <= len(known):
        return known.head(count or len(known))
    rng = np.random.default_rng(7)
    drawn = known.iloc[rng.integers(0, len(known), count)].reset_index(drop=True)
    factor = np.exp(rng.normal(0, 0.8, count))
    names = [f"network_{number}" for number in range(count)]
    return drawn.assign(
        model=names, display_name=names,
        family=[f"family{number}" for number in np.minimum(rng.geometric(0.06, count), 60)],
        params=drawn["params"] * factor, macs=drawn["macs"] * factor,
        published_top1=(drawn["published_top1"] + 2 * np.log(factor) + rng.normal(0, 2, count)).clip(40, 91),
        published_weights="unknown",
        **{str(b): drawn[str(b)] * factor * np.exp(rng.normal(0, 0.1, count)) for b in BATCHES},
    )  # fmt: skip


def make_runs(backends: Sequence[str], count: int | None) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    models = make_models(count)
    long = models.melt(
        [c for c in models if not c.isdigit()], [str(b) for b in BATCHES], "batch_size", "published_ms"
    )
    frames = []
    for backend in backends:
        noise = np.exp(rng.normal(0, 0.0 if backend == "torch" else 0.12, len(long)))
        image = long["published_ms"] * SLOWER[backend] * noise
        batch = long["batch_size"].astype(int)
        frames.append(long.assign(
            backend=backend, device="cpu", precision="f32", batch_size=batch, host="here",
            latency_per_image_ms=image, latency_p50_ms=image * batch, latency_mean_ms=image * batch * 1.02,
            throughput_images_per_s=1000 / image,
            top1_density=long["published_top1"] / (long["params"] / 1e6),
            top5_density=long["published_top5"] / (long["params"] / 1e6),
            memory_model_mb=long["params"] / 1e6 * 4.1 + rng.gamma(4, 8, len(long)),
            memory_peak_mb=long["params"] / 1e6 * 5 + batch * 9 + rng.gamma(4, 20, len(long)),
        ))  # fmt: skip
    runs = pd.concat(frames, ignore_index=True).drop(columns="published_ms")
    runs["run_id"] = [f"{number:032x}" for number in range(len(runs))]
    return runs.astype(dict.fromkeys(("model", "family", "backend", "display_name"), "category"))


def make_evaluations(runs: pd.DataFrame) -> pd.DataFrame:
    """Each model on each backend in three precisions: the coarser, the faster and the less accurate."""
    cells = runs[runs["batch_size"] == 32].dropna(subset="published_top1")
    frames = []
    for precision, faster, lost in (("f32", 1.0, 0.0), ("bf16", 1.8, 0.4), ("int8", 3.1, 1.5)):
        top1 = cells["published_top1"] - lost
        frames.append(cells[[*KEYS, "display_name", "batch_size", "host"]].assign(
            precision=precision, dataset="imagenet", images=50_000, top1=top1, top1_low=top1 - 0.4,
            top1_high=top1 + 0.4, top5=(top1 + 20).clip(upper=100),
            model_images_per_s=cells["throughput_images_per_s"] * faster,
        ))  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def fit(cells: pd.DataFrame) -> pd.DataFrame:
    """The affine form on relative error."""
    batch, measured = cells["batch_size"].to_numpy(float), cells["latency_p50_ms"].to_numpy()
    design = np.column_stack([1 / measured, batch / measured])
    (fixed, marginal), *_ = np.linalg.lstsq(design, np.ones(len(batch)), rcond=None)
    predicted = np.maximum(fixed + marginal * batch, 0.05 * measured)
    return pd.DataFrame({
        **{key: str(cells[key].iloc[0]) for key in KEYS}, "batch_size": cells["batch_size"].to_numpy(),
        "measured_ms": measured, "predicted_ms": predicted, "fixed": fixed, "marginal": marginal,
    })  # fmt: skip


def make_residuals(fits: pd.DataFrame) -> pd.DataFrame:
    error = fits["predicted_ms"] / fits["measured_ms"] - 1
    rest = fits.drop(columns=["fixed", "marginal"])
    standardised = error / error.std()
    return rest.assign(relative_error=error, standardised=standardised, outlier=standardised.abs() > 3)


def make_scaling(fits: pd.DataFrame) -> pd.DataFrame:
    error = (fits["predicted_ms"] / fits["measured_ms"] - 1).abs()
    rows = fits.assign(error=error).groupby(KEYS, as_index=False).agg(
        mape_in_sample=("error", "mean"), fixed_ms=("fixed", "first"), marginal_ms=("marginal", "first")
    )  # fmt: skip
    text = [json.dumps({"a": a, "c": c}) for a, c in zip(rows["fixed_ms"], rows["marginal_ms"], strict=True)]
    affine = rows.assign(
        form="affine", params=text, ape_largest_batch=rows["mape_in_sample"] * 1.4, selected=True,
        half_peak_batch_size=rows["fixed_ms"] / rows["marginal_ms"],
    )  # fmt: skip
    other = affine.assign(
        form="exponential", mape_in_sample=affine["mape_in_sample"] * 2, selected=False, fixed_ms=np.nan,
        marginal_ms=np.nan, half_peak_batch_size=np.nan,
    )  # fmt: skip
    return pd.concat([affine, other], ignore_index=True)


def make_clusters(runs: pd.DataFrame) -> pd.DataFrame:
    pairs = runs.astype(dict.fromkeys(KEYS, str))
    speed = pairs.groupby(KEYS, as_index=False)["latency_per_image_ms"].mean()
    rank = speed.groupby("backend")["latency_per_image_ms"].rank(pct=True)
    return speed.drop(columns="latency_per_image_ms").assign(
        cluster=np.minimum((rank * 3).astype(int), 2), silhouette=0.52, stability=0.91
    )


def make_cluster_bands(runs: pd.DataFrame, clusters: pd.DataFrame) -> pd.DataFrame:
    joined = runs.astype(dict.fromkeys(KEYS, str)).merge(clusters, on=KEYS)
    times = joined.groupby(["backend", "cluster", "batch_size"])["latency_per_image_ms"]
    found = times.agg(["mean", "sem"]).fillna(0.0).reset_index()
    return found[["backend", "cluster", "batch_size"]].assign(
        predicted_per_image_ms=found["mean"],
        low_per_image_ms=found["mean"] - 2 * found["sem"],
        high_per_image_ms=found["mean"] + 2 * found["sem"],
    )


def make_centroids(backend: str, cells: pd.DataFrame) -> pd.DataFrame:
    centre = cells.groupby("batch_size")["latency_per_image_ms"].mean()
    batch = centre.index.to_numpy(float)

    def decay(b: np.ndarray, a: float, k: float, c: float) -> np.ndarray:
        return a * np.exp(-k * b) + c

    found, _ = curve_fit(decay, batch, centre, p0=(centre.max(), 0.3, centre.min()), maxfev=20_000)
    predicted = decay(batch, *found)
    spread = 2.8 * np.sqrt(np.mean((centre - predicted) ** 2))
    share = 1 - np.sum((centre - predicted) ** 2) / np.sum((centre - centre.mean()) ** 2)
    return pd.DataFrame({
        "backend": backend, "batch_size": centre.index, "centroid_per_image_ms": centre.to_numpy(),
        "predicted_per_image_ms": predicted, "low_per_image_ms": predicted - spread,
        "high_per_image_ms": predicted + spread, "r_squared": share, "models": cells["model"].nunique(),
    })  # fmt: skip

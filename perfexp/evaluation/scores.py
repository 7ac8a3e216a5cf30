"""From logits and labels to accuracy: pure functions over arrays.

A tie goes to the class of the lower index, as with ``argmax``. Logits that are not finite (half
precision overflows) count as a wrong answer with infinite loss.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from perfexp.analysis.comparison import wilson

if TYPE_CHECKING:
    import pandas as pd

TOP = 5
Logits = NDArray[np.float32]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Scores:
    """What is stored of each image's logits; every array has one row per image.

    Attributes:
        best: the classes of the highest logits, best first, shape ``(images, 5)``; fewer where
            the model has fewer classes.
        rank: the label's rank among all logits, 0 for the highest.
        loss: cross-entropy in nats.
        agrees: 1 where the best class is the reference's, else 0; NaN without a reference.
        correlation: Spearman's ρ of the logits with the reference's, NaN without one.
    """

    best: NDArray[np.int64]
    rank: NDArray[np.int64]
    loss: NDArray[np.float64]
    agrees: NDArray[np.float64]
    correlation: NDArray[np.float64]

    @classmethod
    def joined(cls, parts: "Sequence[Scores]") -> "Scores":
        """Return the parts, concatenated in order."""
        return cls(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)})


def score(logits: Logits, labels: Labels, reference: Logits | None = None) -> Scores:
    """Score logits of shape ``(images, classes)`` against labels of shape ``(images,)``."""
    finite: NDArray[np.bool_] = np.asarray(np.isfinite(logits).all(axis=1))
    usable = np.where(finite[:, None], logits, 0).astype(np.float64)
    order = np.argsort(-usable, axis=1, kind="stable")
    rank = np.argmax(order == labels[:, None], axis=1)
    unknown = np.full(len(labels), np.nan)
    return Scores(
        best=order[:, :TOP].astype(np.int64),
        rank=np.where(finite, rank, logits.shape[1]).astype(np.int64),
        loss=np.where(finite, _cross_entropy(usable, labels), np.inf),
        agrees=unknown if reference is None else _agreement(usable, reference, finite),
        correlation=unknown if reference is None else _spearman(usable, reference, finite),
    )


def _cross_entropy(logits: NDArray[np.float64], labels: Labels) -> NDArray[np.float64]:
    from scipy.special import log_softmax

    chosen: NDArray[np.float64] = -log_softmax(logits, axis=1)[np.arange(len(labels)), labels]
    return chosen


def _agreement(
    logits: NDArray[np.float64], reference: Logits, finite: NDArray[np.bool_]
) -> NDArray[np.float64]:
    same = logits.argmax(axis=1) == reference.argmax(axis=1)
    return np.asarray(same & finite, dtype=np.float64)


def _spearman(
    logits: NDArray[np.float64], reference: Logits, finite: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return Spearman's ρ of each row: Pearson's r of average ranks; NaN where a row is constant."""
    from scipy.stats import rankdata

    ranks = [rankdata(values, axis=1) for values in (logits, reference)]
    a, b = (r - r.mean(axis=1, keepdims=True) for r in ranks)
    with np.errstate(invalid="ignore", divide="ignore"):
        rho: NDArray[np.float64] = (a * b).sum(axis=1) / np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    masked: NDArray[np.float64] = np.where(finite, rho, np.nan)
    return masked


def summarise(scores: Scores) -> dict[str, float]:
    """Return metrics over all images: percent, with the ends of 95 % Wilson intervals.

    A metric without a value (a correlation without a reference, an infinite loss) is left out.
    """
    images = len(scores.rank)
    metrics = {"images": float(images), "loss": float(scores.loss.mean())}
    for name, below in (("top1", 1), ("top5", TOP)):
        right = int((scores.rank < below).sum())
        low, high = wilson(np.array([right]), np.array([images]))
        metrics[name], metrics[f"{name}_low"], metrics[f"{name}_high"] = (
            100 * right / images,
            float(low[0]),
            float(high[0]),
        )
    metrics["top1_agreement"] = 100 * float(scores.agrees.mean())
    defined = scores.correlation[np.isfinite(scores.correlation)]
    if defined.size:
        metrics["rank_correlation"] = float(defined.mean())
    broken = int(np.isinf(scores.loss).sum())
    if broken:
        metrics["nonfinite_images"] = float(broken)
    return {name: value for name, value in metrics.items() if np.isfinite(value)}


def per_class(scores: Scores, labels: Labels, names: Sequence[str]) -> "pd.DataFrame":
    """Return one row per class that has images: counts, percent and 95 % Wilson intervals."""
    import pandas as pd

    right = pd.DataFrame({"class": labels, "top1": scores.rank < 1, "top5": scores.rank < TOP})
    table = right.groupby("class").agg(images=("top1", "size"), top1=("top1", "sum"), top5=("top5", "sum"))
    table = table.rename(columns={"top1": "top1_count", "top5": "top5_count"}).reset_index()
    table.insert(1, "name", [names[index] for index in table["class"]])
    total = table["images"].to_numpy()
    for rank in ("top1", "top5"):
        count = table[f"{rank}_count"].to_numpy()
        table[rank] = 100 * count / total
        table[f"{rank}_low"], table[f"{rank}_high"] = wilson(count, total)
    return table

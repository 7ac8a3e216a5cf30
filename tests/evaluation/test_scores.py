import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import log_loss, top_k_accuracy_score

from perfexp.analysis.comparison import wilson
from perfexp.evaluation.scores import Scores, per_class, score, summarise

RANDOM = np.random.default_rng(0)
LOGITS = RANDOM.standard_normal((200, 12)).astype(np.float32)
LABELS = RANDOM.integers(0, 12, 200)


def test_accuracy_and_loss_are_those_of_scikit_learn() -> None:
    metrics = summarise(score(LOGITS, LABELS))
    probabilities = np.exp(LOGITS.astype(np.float64))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    classes = np.arange(12)
    assert metrics["top1"] == pytest.approx(100 * top_k_accuracy_score(LABELS, LOGITS, k=1, labels=classes))
    assert metrics["top5"] == pytest.approx(100 * top_k_accuracy_score(LABELS, LOGITS, k=5, labels=classes))
    assert metrics["loss"] == pytest.approx(log_loss(LABELS, probabilities, labels=classes))
    assert metrics["images"] == 200


def test_a_tie_goes_to_the_lower_class() -> None:
    scores = score(np.zeros((3, 4), np.float32), np.array([0, 1, 3]))
    assert scores.rank.tolist() == [0, 1, 3]
    assert scores.best[0].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_logits_that_are_no_numbers_are_wrong_and_counted(value: float) -> None:
    logits = np.array([[value, 0, 1], [3, 1, 2]], np.float32)
    metrics = summarise(score(logits, np.array([0, 0]), logits))
    assert metrics["top1"] == 50
    assert metrics["nonfinite_images"] == 1
    assert "loss" not in metrics


def test_agreement_and_correlation_with_a_reference() -> None:
    other = LOGITS + RANDOM.standard_normal(LOGITS.shape).astype(np.float32)
    scores = score(LOGITS, LABELS, other)
    assert scores.agrees.tolist() == (LOGITS.argmax(1) == other.argmax(1)).astype(float).tolist()
    expected = [spearmanr(a, b).statistic for a, b in zip(LOGITS, other, strict=True)]
    assert scores.correlation == pytest.approx(expected)
    assert summarise(scores)["rank_correlation"] == pytest.approx(np.mean(expected))


def test_without_a_reference_there_is_no_agreement() -> None:
    assert not {"top1_agreement", "rank_correlation"} & summarise(score(LOGITS, LABELS)).keys()


def test_parts_together_are_the_whole() -> None:
    parts = Scores.joined([score(LOGITS[:70], LABELS[:70]), score(LOGITS[70:], LABELS[70:])])
    assert summarise(parts) == summarise(score(LOGITS, LABELS))


def test_classes_have_counts_and_intervals() -> None:
    logits = np.eye(4, dtype=np.float32)[[0, 0, 1, 3]]
    table = per_class(score(logits, np.array([0, 0, 2, 3])), np.array([0, 0, 2, 3]), ["a", "b", "c", "d"])
    assert table[["class", "name", "images", "top1_count"]].values.tolist() == [
        [0, "a", 2, 2],
        [2, "c", 1, 0],
        [3, "d", 1, 1],
    ]
    assert (table["top1_low"] <= table["top1"]).all() and (table["top1"] <= table["top1_high"]).all()


def test_wilson_interval_is_the_one_of_the_formula() -> None:
    low, high = wilson(np.array([108]), np.array([118]))
    z, n, p = 1.959963984540054, 118, 108 / 118
    middle, half = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    assert (low[0], high[0]) == pytest.approx(
        tuple(100 * (middle + sign * half) / (1 + z * z / n) for sign in (-1, 1))
    )

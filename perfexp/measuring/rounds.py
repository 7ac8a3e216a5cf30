"""A cell out of its rounds: which of them count, its latency, and an interval that holds tomorrow.

The levels of repetition are Kalibera and Jones' ("Rigorous benchmarking in reasonable time", ISMM
2013): a batch within a process, a process at some moment. What differs between processes and moments
is larger than what differs within, so the interval is one over rounds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from itertools import pairwise
from math import exp, inf, log, sqrt
from statistics import fmean, median, median_low

from perfexp.config.schema import MeasureConfig
from perfexp.measuring import certificate, sample_statistics
from perfexp.measuring.pace import MOMENT_S
from perfexp.measuring.round_verdict import JudgedRound, counted
from perfexp.metrics import per_image_name
from perfexp.records import Measurement, ParityVerdict, Verdict

_SPREAD, _SPREAD_FREEDOM = 0.02, 3
"""Deviation between a cell's rounds, and for how many degrees of freedom it counts: two or three rounds
tell too little of their own. The pooled deviation of calm rounds (docs/measuring.md)."""
_BETWEEN, _LEAST_BETWEEN, _MOST_BETWEEN = 0.05, 0.004, 0.1
"""Deviation of latency between moments minutes apart: where it is not known, and its bounds."""
_FOLLOWS = 2.0
"""By how much more than the host's pace a cell's latency moves: the slopes of logarithms were 0.9 to 2."""
_MODES_GAP = 0.12
MOMENT = "one moment"
_FEW_READINGS = 50
"""Some ten seconds of measuring: less may not have met the host's fast state."""


def interval(medians_ms: Sequence[float], between: float) -> tuple[float, float]:
    """Return in which interval, in ms, as many rounds of another hour have their geometric mean.

    Student's 95 % prediction interval of another mean logarithm of as many rounds: the sampling error
    of both counts, and so does ``between``, the deviation from one moment to another that rounds within
    minutes do not show. The variance between rounds is that of these rounds and the usual one, weighed
    by their degrees of freedom (a scaled inverse chi-squared prior; Gelman et al., Bayesian Data
    Analysis, 3rd ed., 2.6).
    """
    from scipy.special import stdtrit

    logs = [log(ms) for ms in medians_ms]
    centre, freedom = fmean(logs), _SPREAD_FREEDOM + len(logs) - 1
    squares = _SPREAD_FREEDOM * _SPREAD**2 + sum((value - centre) ** 2 for value in logs)
    variance = between**2 + squares / freedom / len(logs)
    half = float(stdtrit(freedom, (1 + sample_statistics.CONFIDENCE) / 2)) * sqrt(2 * variance)
    return exp(centre - half), exp(centre + half)


def between_moments(used: Sequence[JudgedRound]) -> float:
    """Return the deviation of these rounds' mean that comes from when they were taken, as a fraction.

    Between single moments it is twice that of the host's pace (docs/measuring.md), or the usual one where
    that is not known; rounds in several moments share it.
    """
    own = used[0].own
    known = _BETWEEN if own is None or own.spread is None else _FOLLOWS * own.spread
    moments = {int(one.measured.began_s // MOMENT_S) for one in used}
    return min(_MOST_BETWEEN, max(_LEAST_BETWEEN, known)) / sqrt(len(moments))


def half_width(judged: Sequence[JudgedRound]) -> float:
    """Return the half-width of the interval as far as further rounds narrow it: without other moments.

    Infinite below two rounds that count.
    """
    sound = [one for one in judged if not one.reasons]
    if len(sound) < 2:
        return inf
    low, high = interval([one.median_ms for one in sound], 0.0)
    return sqrt(high / low) - 1


def modes(medians_ms: Sequence[float]) -> str | None:
    """Return both latencies if the rounds fall into two groups far apart, else None."""
    ordered = sorted(medians_ms)
    gaps = [log(after / before) for before, after in pairwise(ordered)]
    if len(ordered) < 3 or max(gaps) < max(_MODES_GAP, 2 * (sum(gaps) - max(gaps))):
        return None
    cut = gaps.index(max(gaps)) + 1
    groups = (ordered[:cut], ordered[cut:])
    return " and ".join(f"{median(group):.3f} ms ({len(group)} rounds)" for group in groups)


def combine(judged: Sequence[JudgedRound], batch_size: int, settings: MeasureConfig) -> Measurement:
    """Return the cell's measurement from one round or more, as described in the module.

    Every metric besides latency is the (lower) median of the rounds that count.
    """
    used, first = counted(judged), judged[0].measured
    samples_ms = tuple(ms for one in used for ms in one.samples_ms)
    latencies, absent = sample_statistics.summarise(samples_ms, batch_size, settings.percentiles)
    if len(judged) > 1:
        latencies |= _estimate(used, batch_size)
    names = set.intersection(*(set(one.measured.metrics) for one in used)) - set(latencies)
    others = {name: median_low(one.measured.metrics[name] for one in used) for name in sorted(names)}
    metrics = {**others, **latencies, **_facts(judged, used)}
    absent |= {name: reason for one in used for name, reason in one.measured.absent.items()}
    return replace(
        first,
        metrics=metrics,
        absent={name: reason for name, reason in absent.items() if name not in metrics},
        samples_ms=samples_ms,
        labels={**first.labels, **_labels(judged, used)},
        phases_s=_sums([one.measured.phases_s for one in judged]),
        certificate=_certificate(judged),
        blocks=(),
        rounds=tuple(one.measured for one in judged),
    )


def _estimate(used: Sequence[JudgedRound], batch_size: int) -> dict[str, float]:
    """Return the median, its interval and the rate of images."""
    medians_ms = [one.median_ms for one in used]
    low, high = interval(medians_ms, between_moments(used))
    centre = exp(fmean(log(ms) for ms in medians_ms))
    off = [median(one.slowdowns) for one in used if not one.calm]
    found = {
        "latency_p50_ms": centre,
        "latency_p50_low_ms": low / max([1.0, *off]),
        "latency_p50_high_ms": high / min([1.0, *off]),
    }
    per_image = {per_image_name(name): value / batch_size for name, value in found.items()}
    return {**found, **per_image, "throughput_images_per_s": 1e3 * batch_size / centre}


def _facts(judged: Sequence[JudgedRound], used: Sequence[JudgedRound]) -> dict[str, float]:
    slowdowns = [factor for one in judged for factor in one.slowdowns]
    observed_ms = median(ms for one in judged for ms in one.measured.samples_ms)
    facts = {
        "rounds": float(len(judged)),
        "rounds_counted": float(len(used)),
        "latency_observed_ms": observed_ms,
    }
    if (own := judged[0].own) is not None:
        calm = sum(len(one.calm) for one in judged)
        facts |= {
            "host_slowdown": 100 * (median(slowdowns) - 1),
            "calm_blocks": 100 * calm / len(slowdowns),
            "host_pace_ms": own.compute_ms,
        }
    return facts


def _labels(judged: Sequence[JudgedRound], used: Sequence[JudgedRound]) -> dict[str, str]:
    reasons = min((one.reasons for one in judged), key=len)
    labels = {"verdict": (Verdict.TAINTED if reasons else Verdict.CLEAN).value}
    labels |= {"taint": "; ".join(reasons)} if reasons else {}
    labels["interval"] = MOMENT if len(judged) == 1 else f"{len(used)} of {len(judged)} rounds"
    own = judged[0].own
    if own is not None and own.readings < _FEW_READINGS:
        labels["pace"] = f"new: {own.readings} readings, which may all be of a slow moment"
    if both := modes([one.median_ms for one in used]):
        labels["modes"] = both
    if any(one.measured.labels.get("parity") == ParityVerdict.BEYOND for one in judged):
        labels["parity"] = ParityVerdict.BEYOND.value
    if note := max(_notes(judged)):
        labels["device_lock"] = note
    return labels


def _notes(judged: Sequence[JudgedRound]) -> list[str]:
    """Return for each round whom its lock of the device kept out, "" for all users."""
    return [one.measured.labels.get("device_lock", "") for one in judged]


def _certificate(judged: Sequence[JudgedRound]) -> dict[str, object]:
    limits = certificate.limits()
    return {
        "limits": limits,
        "calm_within": judged[0].most,
        "own_pace": asdict(own) if (own := judged[0].own) else None,
        "device_lock": max(_notes(judged)) or "all users' processes",
        "rounds": [
            {
                "reasons": list(one.reasons),
                "slowdowns": [round(factor, 4) for factor in one.slowdowns],
                "evidence": {k: v for k, v in one.measured.metrics.items() if k in limits},
            }
            for one in judged
        ],
    }


def _sums(parts: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {
        name: sum(part.get(name, 0.0) for part in parts) for name in {k: None for part in parts for k in part}
    }

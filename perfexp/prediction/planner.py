"""Judge choices by limits, from measured and predicted cells, and say what to measure to decide."""

from dataclasses import asdict, dataclass

import pandas as pd

MEETS, FAILS, DOUBTFUL = "meets", "fails", "doubtful"


@dataclass(frozen=True)
class Limits:
    """What a choice must meet; None for no limit. Times in ms per batch, top-1 in percent."""

    max_latency_ms: float | None = None
    min_throughput_images_per_s: float | None = None
    min_top1: float | None = None
    max_memory_mb: float | None = None


def judge(choices: pd.DataFrame, limits: Limits) -> pd.DataFrame:
    """Add ``verdict`` to each choice, the best throughput of those that meet the limits first.

    A measured choice meets a limit or fails it. A predicted one meets it when its whole interval
    does, fails when none of it does, and else is doubtful; so is a choice that lacks a limited value.

    Args:
        choices: ``batch_size, latency_ms, low_ms, high_ms, top1, memory_mb``, one row per
            choice; the ends of a measured one equal its latency.
        limits: to judge by.
    """
    size = choices["batch_size"]
    ends = {
        "max_latency_ms": (choices["low_ms"], choices["high_ms"], 1),
        "min_throughput_images_per_s": (1e3 * size / choices["low_ms"], 1e3 * size / choices["high_ms"], -1),
        "min_top1": (choices["top1"], choices["top1"], -1),
        "max_memory_mb": (choices["memory_mb"], choices["memory_mb"], 1),
    }
    verdict = pd.Series(MEETS, index=choices.index)
    for name, (best, worst, sign) in ends.items():
        limit = getattr(limits, name)
        if limit is None:
            continue
        met, failed = sign * worst <= sign * limit, sign * best > sign * limit
        verdict = verdict.where(met | (verdict == FAILS), DOUBTFUL).mask(failed, FAILS)
    rank = {MEETS: 0, DOUBTFUL: 1, FAILS: 2}
    judged = choices.assign(verdict=verdict, throughput_images_per_s=1e3 * size / choices["latency_ms"])
    order = judged.assign(rank=verdict.map(rank)).sort_values(
        ["rank", "throughput_images_per_s"], ascending=[True, False], kind="stable"
    )
    return order.drop(columns="rank").reset_index(drop=True)


def refusals(choices: pd.DataFrame, limits: Limits) -> str:
    """Say how many choices each limit alone leaves."""
    given = {name: value for name, value in asdict(limits).items() if value is not None}
    alone = {name: judge(choices, Limits(**{name: value}))["verdict"] for name, value in given.items()}
    left = {name: (verdict != FAILS).sum() for name, verdict in alone.items()}
    return ", ".join(f"{name}={given[name]:g} alone leaves {count}" for name, count in left.items())


def to_settle(judged: pd.DataFrame, limits: Limits) -> pd.DataFrame:
    """Return doubtful choices that a run would decide, the cheapest first; no run gives a published top-1."""
    known = judged["top1"].notna() | (limits.min_top1 is None)
    doubtful = judged[(judged["verdict"] == DOUBTFUL) & ~judged["measured"] & known]
    return doubtful.sort_values("latency_ms", kind="stable")

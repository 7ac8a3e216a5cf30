"""Which choices keep to limits, from measured and predicted cells; and what to measure to be sure."""

from dataclasses import asdict, dataclass

import pandas as pd

MEETS, FAILS, DOUBTFUL = "meets", "fails", "doubtful"


@dataclass(frozen=True)
class Limits:
    """What a choice must keep to; None where nothing is asked. Times in ms a batch, top-1 in percent."""

    max_latency_ms: float | None = None
    min_throughput_images_per_s: float | None = None
    min_top1: float | None = None
    max_memory_mb: float | None = None


def judge(choices: pd.DataFrame, limits: Limits) -> pd.DataFrame:
    """Add ``verdict`` to each choice, the best throughput of those that meet the limits first.

    A measured choice meets a limit or fails it. A predicted one meets it when its whole interval
    does, fails when none of it does, and is doubtful between; without a value that is asked for, a
    choice is doubtful.

    Args:
        choices: ``batch_size, latency_ms, low_ms, high_ms, top1, memory_mb``, one row a choice; the
            ends of a measured one equal its latency.
        limits: what is asked.
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
        sure, lost = sign * worst <= sign * limit, sign * best > sign * limit
        verdict = verdict.where(sure | (verdict == FAILS), DOUBTFUL).mask(lost, FAILS)
    rank = {MEETS: 0, DOUBTFUL: 1, FAILS: 2}
    judged = choices.assign(verdict=verdict, throughput_images_per_s=1e3 * size / choices["latency_ms"])
    order = judged.assign(rank=verdict.map(rank)).sort_values(
        ["rank", "throughput_images_per_s"], ascending=[True, False], kind="stable"
    )
    return order.drop(columns="rank").reset_index(drop=True)


def refusals(choices: pd.DataFrame, limits: Limits) -> str:
    """How many choices each limit alone leaves, in words."""
    given = {name: value for name, value in asdict(limits).items() if value is not None}
    alone = {name: judge(choices, Limits(**{name: value}))["verdict"] for name, value in given.items()}
    left = {name: (verdict != FAILS).sum() for name, verdict in alone.items()}
    return ", ".join(f"{name}={given[name]:g} alone leaves {count}" for name, count in left.items())


def to_settle(judged: pd.DataFrame, limits: Limits) -> pd.DataFrame:
    """Doubtful choices whose run would settle them, the cheapest first; no run tells published accuracy."""
    told = judged["top1"].notna() | (limits.min_top1 is None)
    doubtful = judged[(judged["verdict"] == DOUBTFUL) & ~judged["measured"] & told]
    return doubtful.sort_values("latency_ms", kind="stable")

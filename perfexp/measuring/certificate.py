"""The limits on what else the machine did while a round was measured."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Limit:
    """Largest absolute value of one piece of evidence, what it means, and why it is limited."""

    name: str
    most: float
    meaning: str
    reason: str


LIMITS = (
    Limit(
        "cpu_others",
        5.0,
        "% of the usable CPUs' time went to other processes",
        "a twentieth of the machine moves a median by about its precision of 2 % and the tails by more",
    ),
    Limit(
        "cpu_wait",
        10.0,
        "% of its threads' time was spent waiting for a CPU",
        "CPU time over wall time falls by as much; below 1 % on a quiet machine, near 50 % with a "
        "busy process a core",
    ),
    Limit(
        "involuntary_switches_per_s",
        100.0,
        "times a second a thread was made to give up its CPU",
        "10 to 50 on a quiet two-core machine, 100 to 700 with neighbours",
    ),
    Limit(
        "cpu_pressure",
        20.0,
        "% of the time some task on the machine waited for a CPU",
        "short-lived system tasks cause some pressure on any machine, and cost the cell little",
    ),
    Limit(
        "cpu_steal",
        2.0,
        "% of the usable CPUs' time was taken by the hypervisor",
        "stolen time adds to latency one to one",
    ),
    Limit(
        "cpu_throttled",
        0.0,
        "% of the time the control group stood still at its CPU quota",
        "a quota stops all threads for tens of milliseconds at once",
    ),
    Limit(
        "frequency_change",
        5.0,
        "% change of the processor's clock during the run",
        "latency follows the clock one to one",
    ),
    Limit(
        "drift",
        10.0,
        "% change of the median from the first to the second half of the samples",
        "the median of samples that move describes neither their beginning nor their end",
    ),
)
"""Set by how far rounds beyond a limit were off their cell's median (docs/measuring.md). The evidence is
logged, so that other limits can be applied."""


def reasons(evidence: Mapping[str, float]) -> tuple[str, ...]:
    """Return one sentence for each limit that the evidence exceeds; what is not counted is not judged."""
    return tuple(
        f"{evidence[limit.name]:.1f} {limit.meaning} (limit {limit.most:g})"
        for limit in LIMITS
        if abs(evidence.get(limit.name, 0.0)) > limit.most
    )


def limits() -> dict[str, dict[str, object]]:
    """Return each limit and the reason for it, as plain values for an artifact."""
    return {limit.name: {"most": limit.most, "why": limit.reason} for limit in LIMITS}

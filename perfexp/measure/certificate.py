"""The verdict on a run's conditions: clean, or tainted with reasons."""

from collections.abc import Mapping
from dataclasses import dataclass

from perfexp.records import Verdict

CLEAN, TAINTED = Verdict.CLEAN, Verdict.TAINTED


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
        5.0,
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
        5.0,
        "% change of the median from the first to the second half of the samples",
        "the median of samples that move describes neither their beginning nor their end",
    ),
    Limit(
        "sentinel_change",
        30.0,
        "% change of the fixed kernels from before to after the run",
        "kernels of milliseconds scatter by a tenth on a quiet machine, now and then by a fifth",
    ),
)
"""Judgements on what a neighbour costs; the evidence is logged, so other limits can be applied."""


@dataclass(frozen=True)
class Certificate:
    """The verdict, one reason per exceeded limit, the evidence, and the names of unavailable evidence."""

    verdict: str
    reasons: tuple[str, ...]
    evidence: Mapping[str, float]
    unavailable: tuple[str, ...]

    def tree(self) -> dict[str, object]:
        """Return plain values for an artifact: verdict, reasons, and each finding beside its limit."""
        limits = {limit.name: limit for limit in LIMITS}
        findings = {
            name: {"value": value}
            | ({"most": limits[name].most, "why": limits[name].reason} if name in limits else {})
            for name, value in self.evidence.items()
        }
        return {
            "verdict": self.verdict,
            "reasons": list(self.reasons),
            "evidence": findings,
            "unavailable": list(self.unavailable),
        }


def certify(evidence: Mapping[str, float | None]) -> Certificate:
    """Judge a run by its evidence; evidence that is None is named as unavailable, not judged."""
    found = {name: value for name, value in evidence.items() if value is not None}
    reasons = tuple(
        f"{found[limit.name]:.1f} {limit.meaning} (limit {limit.most:g})"
        for limit in LIMITS
        if abs(found.get(limit.name, 0.0)) > limit.most
    )
    unavailable = tuple(name for name, value in evidence.items() if value is None)
    return Certificate(TAINTED if reasons else CLEAN, reasons, found, unavailable)

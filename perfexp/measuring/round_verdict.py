"""One round beside the host's own pace: which of its batches count, and whether it counts itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median

from perfexp.config.schema import MeasureConfig
from perfexp.measuring import certificate, os_counters
from perfexp.measuring.pace import OwnPace, is_own, readings
from perfexp.records import Block, Measurement


@dataclass(frozen=True)
class JudgedRound:
    """A round beside the host's own pace.

    Attributes:
        own: None where the host's pace is unknown or not asked; every batch then counts as it is.
        most: by which fraction the host may be off its own pace around a block that counts.
    """

    measured: Measurement
    own: OwnPace | None
    most: float

    @cached_property
    def slowdowns(self) -> list[float]:
        """By which factor the host was slower than its own pace, around each block."""
        blocks = self.measured.blocks
        return [self.own.slowdown(block) if self.own else 1.0 for block in blocks]

    @cached_property
    def calm(self) -> list[Block]:
        """The blocks beside which the host ran at its own pace."""
        pairs = zip(self.measured.blocks, self.slowdowns, strict=True)
        return [block for block, factor in pairs if is_own(factor, self.most)]

    @cached_property
    def reasons(self) -> tuple[str, ...]:
        """Why the round does not count; empty if it does."""
        if not self.calm:
            off = 100 * (median(self.slowdowns) - 1)
            return (f"this host ran {abs(off):.0f} % {'slower' if off > 0 else 'faster'} than its own pace",)
        return certificate.reasons(
            {**self.measured.metrics, "drift": os_counters.drift_percent(self.samples_ms) or 0.0}
        )

    @property
    def samples_ms(self) -> tuple[float, ...]:
        """What latency is told from: the batches of calm blocks, or all if none is calm."""
        return tuple(ms for block in self.calm or self.measured.blocks for ms in block.samples_ms)

    @property
    def median_ms(self) -> float:
        """The round's median latency."""
        return median(self.samples_ms)


def judge(rounds: Sequence[Measurement], settings: MeasureConfig, own: OwnPace | None) -> list[JudgedRound]:
    """Return the rounds beside the host's own pace."""
    if settings.calm_within is None or not all(readings(one.blocks) for one in rounds):
        own = None
    return [JudgedRound(measured, own, settings.calm_within or 0.0) for measured in rounds]


def counted(judged: Sequence[JudgedRound]) -> list[JudgedRound]:
    """Return the rounds that count: those without reasons against them, or all if each has some."""
    return [one for one in judged if not one.reasons] or list(judged)

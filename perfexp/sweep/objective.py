"""What a job returns to an optimising sweeper, such as Hydra's Optuna sweeper."""

import re
from collections.abc import Sequence
from dataclasses import replace

from perfexp.config.schema import RunConfig
from perfexp.console import say
from perfexp.errors import ConfigError, nearest
from perfexp.metrics import METRICS
from perfexp.records import Outcome, as_text
from perfexp.sweep.jobs.axes import OWN_COLUMNS

_SHARED = ("objective", "experiment", "measure", "tracking", "sweep")
"""What all trials of a study have in common."""


def names(config: RunConfig) -> tuple[str, ...]:
    """Return the metrics that ``objective`` names.

    Raises:
        ConfigError: there is no such metric, or nothing would read what the job returns.
    """
    named = tuple(re.findall(r"[^\s,]+", config.objective or ""))
    for name in named:
        if name not in METRICS:
            raise ConfigError(f"objective={name} is no metric: {nearest(name, METRICS)}; name one of them.")
    if named and config.sweep.id:
        raise ConfigError(
            "objective= is read by a sweeper that optimises, and this one measures a whole grid; add "
            "hydra/sweeper=optuna, or leave objective= out."
        )
    return named


def as_trial(config: RunConfig, overrides: Sequence[str]) -> RunConfig:
    """Return the configuration with what distinguishes the trial as its swept keys, from its overrides."""
    pairs = dict(override.lstrip("+~").split("=", 1) for override in overrides if "=" in override)
    own = {
        key: text
        for key, text in pairs.items()
        if key.partition(".")[0] not in _SHARED and key not in OWN_COLUMNS
    }
    return replace(config, sweep=replace(config.sweep, axes=as_text(own)))


def values(outcome: Outcome, named: tuple[str, ...]) -> float | list[float] | None:
    """Return the metrics, one number or a list; None, which fails a trial, where one was not measured."""
    missing = [name for name in named if name not in outcome.metrics]
    if missing:
        why = outcome.reason or "a metric that was not measured has its reason in the run's tags absent.*"
        say(f"{outcome.title} has no {', '.join(missing)}: {why}", flush=True)
        return None
    found = [outcome.metrics[name] for name in named]
    return found[0] if len(found) == 1 else found

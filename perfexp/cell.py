"""A cell as a value: made from the configuration, named by a key."""

from pathlib import Path

from perfexp import backends, environment
from perfexp.cache import digest, file_digest
from perfexp.config import checks
from perfexp.config.schema import Cell, RunConfig, as_protocol
from perfexp.environment import version
from perfexp.models import sources

_FIRST_NAMES = {"measure.rel_half_width": "measure.precision", "backend.name=fake": "null"}
_OF_ROUNDS = ("rounds", "max_rounds", "round_pause_s", "rounds_half_width", "calm_within", "calm_wait_s")
_BEFORE_ROUNDS = {"measure.retry_tainted": 0}


def from_config(config: RunConfig) -> Cell:
    """The cell that a configuration describes.

    Raises:
        ConfigError: a value is out of its range.
    """
    checks.check(config)
    return Cell(
        model=config.model,
        backend=config.backend,
        measure=as_protocol(config.measure),
        batch_size=config.batch_size,
        input_size=config.input_size,
        input_fit=config.input_fit,
        weights=config.weights,
        seed=config.seed,
        cache_dir=str((Path(config.tracking.root) / "cache").resolve()),
    )


def key(cell: Cell, launched_from: str | None = None) -> str:
    """Return the hash of all that decides the cell's numbers: equal keys are the same measurement.

    A cluster chooses the node, so a cell of its sweeps is named by the host ``launched_from`` instead.

    Choices that have been renamed are hashed by their first names, and a cell of one round beside an
    unknown pace as before there were rounds, so that older stores resume.

    Raises:
        BackendError, ModelError: the backend or the model source does not exist.
    """
    of_source = {package: version(package) for package in sources.source(cell.model.source).packages}
    weights = Path(cell.weights)
    return digest(
        {
            "choices": {
                _FIRST_NAMES.get(k, k): _FIRST_NAMES.get(f"{k}={v}", str(v))
                for k, v in _choices(cell).items()
            },
            "checkpoint": file_digest(weights) if weights.is_file() else None,
            "versions": {**backends.create(cell.backend).versions(), **of_source},
            "host": {"launched_from": launched_from} if launched_from else environment.host(),
        }
    )


def _choices(cell: Cell) -> dict[str, object]:
    choices = cell.choices()
    if cell.measure.rounds > 1 or cell.measure.calm_within is not None:
        return choices
    of_rounds = {f"measure.{name}" for name in _OF_ROUNDS}
    return {k: v for k, v in choices.items() if k not in of_rounds} | _BEFORE_ROUNDS

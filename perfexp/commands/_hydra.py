"""The verbs whose configuration Hydra composes, because it can sweep them."""

import os
import re
import shlex
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import wraps
from typing import TypeVar

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from perfexp.commands import _app, _refused
from perfexp.config import catalog, overrides, precheck
from perfexp.config.schema import MeasureConfig, ModelConfig, TrackingConfig
from perfexp.console import say
from perfexp.errors import ConfigError, PerfexpError
from perfexp.plugins import BACKENDS, DATASETS, Kind
from perfexp.store.address import redacted_text

Config = TypeVar("Config")
_NAME = re.compile(r"[\w.-]+")
_EXTRAS = {
    "hydra/launcher/submitit_slurm": "slurm",
    "hydra/launcher/ray": "ray",
    "hydra/sweeper/optuna": "optuna",
}


def launch(
    verb: str,
    config: type,
    arguments: Sequence[str],
    task: Callable[[DictConfig], object],
    finish: Callable[[], None],
) -> None:
    """Compose ``conf/VERB.yaml`` with the arguments and run ``task`` on it; ``finish`` runs in any case.

    Raises:
        SystemExit: where the configuration cannot be composed, or ``task`` raised.
        PerfexpError: an argument that cannot be.
    """
    name = _app.program(verb)
    precheck.check(config, arguments)
    catalog.require_small()
    _refused.credentials_in_files()
    _refused.secrets_of_environment()
    import hydra
    from hydra.errors import HydraException, MissingConfigException

    os.environ.setdefault("HYDRA_FULL_ERROR", "1")
    register(verb, config, arguments)
    several = any(argument in overrides.MULTIRUN for argument in arguments)
    typed = sorted(arguments, key=_is_override)  # Hydra takes overrides that follow each other only
    sys.argv[1:] = [precheck.for_hydra(config, argument, several) for argument in typed]
    if catalog.added() and not any("searchpath" in argument for argument in arguments):
        places = ",".join(overrides.quoted(f"file://{folder}") for folder in catalog.added())
        sys.argv.append(f"hydra.searchpath=[{places}]")
    run = hydra.main(version_base="1.3", config_path=str(catalog.conf_dir()), config_name=verb)
    try:
        run(_guarded(name, task))()
    except MissingConfigException as error:
        _app.stop(name, _unknown_choice(str(error.missing_cfg_file), error.options or []))
    except (HydraException, OmegaConfBaseException) as error:
        _app.stop(name, _sentence(error))
    finally:
        finish()


def composed(verb: str, config: type, arguments: Sequence[str]) -> DictConfig:
    """Return ``conf/VERB.yaml`` composed with the arguments, of one job, without Hydra's own part.

    Raises:
        ConfigError: an argument that cannot be.
    """
    precheck.check(config, arguments)
    from hydra import compose, initialize_config_dir
    from hydra.errors import HydraException

    register(verb, config, arguments)
    typed = [precheck.for_hydra(config, argument, False) for argument in arguments]
    try:
        with initialize_config_dir(str(catalog.conf_dir()), job_name=verb, version_base="1.3"):
            return compose(verb, typed)
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(_sentence(error)) from error


def _is_override(argument: str) -> bool:
    return argument.startswith("~") or ("=" in argument and not argument.startswith("-"))


def text(config: DictConfig) -> str:
    """Return the resolved configuration as YAML, for an artifact; addresses without credentials."""
    return redacted_text(OmegaConf.to_yaml(config, resolve=True))


def overrides_of_job() -> list[str]:
    """Return what the job that runs was given on the command line or by a sweeper."""
    from hydra.core.hydra_config import HydraConfig

    return [*HydraConfig.get().overrides.task]


def command(program: str) -> str:
    """Return the command that repeats this job alone, without credentials."""
    own = [
        one for one in overrides_of_job() if one.lstrip("+~").split("=", 1)[0].partition(".")[0] != "sweep"
    ]
    return redacted_text(shlex.join([program, *own]))


def _guarded(name: str, task: Callable[[DictConfig], object]) -> Callable[[DictConfig], object]:
    """Return the task with its errors ended here: Hydra would print lines of its own before them."""

    @wraps(task)
    def guarded(config: DictConfig) -> object:
        with _app.ended(name):
            try:
                return task(config)
            except OmegaConfBaseException as error:
                _app.stop(name, _sentence(error))

    return guarded


def register(verb: str, config: type, arguments: Sequence[str] = ()) -> None:
    """Store the schemas of the groups that the verb composes, and its named sweeps.

    Raises:
        ConfigError: the arguments name a sweep whose file cannot be used.
    """
    from hydra.core.config_store import ConfigStore

    store = ConfigStore.instance()
    plain = {verb: config, "model": ModelConfig, "measure": MeasureConfig, "tracking": TrackingConfig}
    for name, node in plain.items():
        store.store(group="schema", name=name, node=node)
    groups: dict[str, Kind] = {"backend": BACKENDS, "dataset": DATASETS}
    for group in groups.keys() & config.__dataclass_fields__.keys():  # type: ignore[attr-defined]
        for name in groups[group].names():
            schema = overrides.named_schema(name, groups[group].schema(name))
            store.store(group=f"schema/{group}", name=name, node=schema)
            if name not in catalog.names(group):
                store.store(group=group, name=name, node=schema)
    pairs = [overrides.pair(argument) for argument in arguments if _is_override(argument) and "=" in argument]
    asked = {name for key, text in pairs if key == "sweep" for name in text.split(",")}
    _register_models([*(text for key, text in pairs if key == "model"), *_register_sweeps(asked)])


def _register_models(texts: Sequence[str]) -> None:
    """Offer the libraries' models that these texts name, as if each had a preset."""
    from hydra.core.config_store import ConfigStore

    names = {name for text in texts for name in _NAME.findall(text)}
    for name in names - {*catalog.names("model")}:
        if source := overrides.library_of(name):
            ConfigStore.instance().store(group="model", name=name, node=ModelConfig(source, name))


def _swept_models(sweep: dict[str, object]) -> Iterator[str]:
    """Yield what the grids of a sweep's file say of models."""
    sweeper = OmegaConf.select(OmegaConf.create(sweep), "hydra.sweeper") or {}
    for grid in (sweeper.get("params") or {}, *(sweeper.get("grids") or ())):
        yield str(grid.get("model", ""))


def _register_sweeps(asked: Collection[str]) -> list[str]:
    """Offer the files of named sweeps as ``sweep=``; later ones replace earlier ones of their name.

    Returns:
        What the sweeps ``asked`` for say of models.
    """
    from hydra.core.config_store import ConfigStore

    models: list[str] = []
    for path in catalog.sweeps():
        packaged = catalog.sweeps_dir() / path.name
        if packaged.is_file() and not packaged.samefile(path):
            say(f"{path} replaces perfexp's own sweep {path.stem}.", file=sys.stderr, flush=True)
        try:
            content = catalog.load(path)
            _refused.code(path, content)
        except ConfigError:
            if path.stem in asked:
                raise
            continue  # another sweep is asked for, or none
        if path.stem in asked:
            models = [*_swept_models(content)]
        node = OmegaConf.create(content)
        ConfigStore.instance().store(group="sweep", name=path.stem, node=node, package="_global_")
    return models


def _unknown_choice(missing: str, options: Sequence[str]) -> str:
    group, _, name = missing.rpartition("/")
    if missing in _EXTRAS:
        return f"{group} needs what is not installed; pip install -e '.[{_EXTRAS[missing]}]' in the checkout."
    return overrides.unknown_preset(group or "config", name, options)


def _sentence(error: Exception) -> str:
    """Return the error's message on one line, without OmegaConf's trailer of types."""
    cause = error.__cause__
    message = f"{error}: {cause}" if cause and not isinstance(error, PerfexpError) else str(error)
    return overrides.without_trailer(message)

"""What is refused before Hydra composes: secrets that would be kept, and sweeps that run code."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from perfexp.config import catalog
from perfexp.errors import ConfigError
from perfexp.store.address import is_secret, redacted_text

_SETTABLE = ("mode", "sweeper", "launcher", "run", "sweep")
_OTHER_GROUP = re.compile(rf"hydra[/.@](?!(?:{'|'.join(_SETTABLE)})\b)\w+")


def credentials(arguments: Sequence[str]) -> None:
    """Refuse typed addresses with credentials: every user of the machine sees what is typed.

    Raises:
        ConfigError: there is one.
    """
    _no_credentials((argument.partition("=")[0], argument) for argument in arguments)


def credentials_in_files() -> None:
    """Refuse addresses with credentials in files that Hydra may compose, of which it keeps copies.

    Raises:
        ConfigError: there is one.
    """
    folders = [*((folder, "**/*.yaml") for folder in catalog.folders()), (Path("sweeps"), "*.yaml")]
    paths = [path for folder, pattern in folders for path in sorted(folder.glob(pattern))]
    _no_credentials((_shown(path), path.read_text(encoding="utf-8", errors="replace")) for path in paths)


def _no_credentials(texts: Iterable[tuple[str, str]]) -> None:
    for place, content in texts:
        if "://" in content and redacted_text(content) != content:
            raise ConfigError(
                f"{place} holds an address with credentials, which others could read, here or beside the "
                "runs; set MLFLOW_TRACKING_URI, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD."
            )


def _shown(path: Path) -> str:
    here = Path.cwd()
    return (path.relative_to(here) if path.is_relative_to(here) else path).as_posix()


def code(path: Path, content: Mapping[str, object]) -> None:
    """Refuse a sweep's file that names what Hydra would call, rather than what is measured.

    Raises:
        ConfigError: it does.
    """
    hydra, defaults = content.get("hydra"), str(content.get("defaults", ""))
    keys = [f"hydra.{key}" for key in hydra if key not in _SETTABLE] if isinstance(hydra, Mapping) else []
    keys += [*_OTHER_GROUP.findall(defaults), *(["_target_"] if _has_target(content) else [])]
    if keys:
        raise ConfigError(
            f"{_shown(path)} sets {keys[0]}, by which a file could run any program; a sweep sets "
            f"{', '.join(_SETTABLE)} of hydra only, so remove it."
        )


def _has_target(node: object) -> bool:
    if isinstance(node, Mapping):
        return "_target_" in node or any(map(_has_target, node.values()))
    return isinstance(node, list) and any(map(_has_target, node))


def secrets_of_environment() -> None:
    """Have ``${oc.env:NAME}`` refuse passwords and tokens, which would be logged with the runs."""
    from omegaconf import OmegaConf
    from omegaconf.resolvers import oc

    def env(key: str, *default: str | None) -> str | None:
        if is_secret(key):
            raise ConfigError(f"{key} looks like a secret, and what is configured is kept with the runs")
        return oc.env(key, *default)

    OmegaConf.register_new_resolver("oc.env", env, replace=True)

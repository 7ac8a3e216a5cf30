"""The presets of conf/: which files there are, and what they hold."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from importlib import metadata, resources
from pathlib import Path
from typing import cast

from perfexp.config.schema import ModelConfig
from perfexp.errors import ConfigError, one_line

CONF_ENTRY_POINTS = "perfexp.conf"
"""Entry points of other packages, each naming a package that holds presets as conf/ does."""

_SCHEMA = "/schema/"


@dataclass(frozen=True)
class Preset:
    """A file of conf/GROUP/: the schema that it selects, and the values that it sets."""

    schema: str
    values: Mapping[str, object] = field(default_factory=dict)


def conf_dir() -> Path:
    """Return the folder of conf/: packaged with a wheel, else the checkout's."""
    return _data("conf")


def sweeps_dir() -> Path:
    """Return the folder of the named sweeps: packaged with a wheel, else the checkout's."""
    return _data("sweeps")


def sweeps() -> list[Path]:
    """Return the files of the named sweeps: perfexp's own, then those in ./sweeps."""
    return [path for folder in (sweeps_dir(), Path("sweeps")) for path in sorted(folder.glob("*.yaml"))]


def _data(name: str) -> Path:
    package = Path(__file__).resolve().parents[1]
    packaged = package / "_data" / name
    return packaged if packaged.is_dir() else package.parent / name


@cache
def installed_conf() -> tuple[str, ...]:
    """Return the packages with presets that other distributions announce."""
    return tuple(sorted(point.value for point in metadata.entry_points(group=CONF_ENTRY_POINTS)))


def added() -> list[Path]:
    """Return the folders of presets besides perfexp's own: ./conf, then those of installed packages."""
    here = Path("conf").resolve()
    user = [here] if here.is_dir() and here != conf_dir() else []
    return [*user, *(Path(str(resources.files(package))) for package in installed_conf())]


def shadowed() -> list[Path]:
    """Return the presets of others whose names perfexp's own have, which are not used."""
    others = ((folder, path) for folder in added() for path in sorted(folder.glob("*/*.yaml")))
    return [path for folder, path in others if (conf_dir() / path.relative_to(folder)).is_file()]


def folders() -> list[Path]:
    """Return every folder of presets, perfexp's own first."""
    return [conf_dir(), *added()]


def names(group: str) -> list[str]:
    """Return the presets of a group, such as ``model``."""
    return sorted({path.stem for folder in folders() for path in (folder / group).glob("*.yaml")})


def preset(group: str, name: str) -> Preset | None:
    """Return the preset ``conf/GROUP/NAME.yaml``, None where there is no such file.

    Raises:
        ConfigError: the file is no mapping in YAML.
    """
    for folder in folders():
        path = folder / group / f"{name}.yaml"
        if path.is_file():
            return _read(path)
    return None


@cache
def _read(path: Path) -> Preset:
    values = load(path)
    defaults = values.pop("defaults", None)
    listed = defaults if isinstance(defaults, list) else []
    entries = [entry for entry in listed if isinstance(entry, str) and entry.startswith(_SCHEMA)]
    schema = entries[0].removeprefix(_SCHEMA).partition("@")[0].rpartition("/")[2] if entries else path.stem
    return Preset(schema, values)


def load(path: Path) -> dict[str, object]:
    """Return the mapping in a YAML file.

    Raises:
        ConfigError: the file cannot be read, or holds something else.
    """
    import yaml

    from perfexp.config import yaml_reader

    try:
        with path.open(encoding="utf-8") as file:  # no more of it than is read anyway
            found = yaml_reader.read(file.read(yaml_reader.MAX_CHARACTERS + 1))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = one_line(str(error))
        raise ConfigError(f"{path} cannot be read as YAML ({reason}); correct or remove it.") from error
    if not isinstance(found, dict):
        raise ConfigError(f"{path} holds no mapping of keys to values; correct or remove it.")
    return cast(dict[str, object], found)


def require_small() -> None:
    """Check the added presets, which Hydra reads without a limit.

    Raises:
        ConfigError: a file is too long, nested too deeply, or grows too much by its aliases.
    """
    from perfexp.config import yaml_reader

    for path in (path for folder in added() for path in sorted(folder.glob("**/*.yaml"))):
        with path.open(encoding="utf-8", errors="replace") as file:
            if yaml_reader.may_be_too_much(file.read(yaml_reader.MAX_CHARACTERS + 1)):
                load(path)


def model(name: str) -> ModelConfig | None:
    """Return the model of ``conf/model/NAME.yaml``, None where there is no such preset."""
    known = preset("model", name)
    return None if known is None or "name" not in known.values else _model(known)


def models() -> dict[str, ModelConfig]:
    """Return the models that have a preset, by their library's name."""
    found = [known for name in names("model") if (known := model(name)) is not None]
    return {one.name: one for one in found}


def _model(known: Preset) -> ModelConfig:
    own = {f.name for f in fields(ModelConfig)}
    return ModelConfig(**{k: v for k, v in known.values.items() if k in own})  # type: ignore[arg-type]

"""What ships with perfexp to choose from: the folders of conf/ and sweeps/, and the models in conf/model."""

from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from perfexp.config.schema import ModelConfig


def conf_dir() -> Path:
    """Return the folder of conf/: the one packaged in a wheel, else the checkout's."""
    return _folder("conf")


def sweeps_dir() -> Path:
    """Return the folder of the packaged sweeps."""
    return _folder("sweeps")


def model(name: str) -> ModelConfig | None:
    """Return the model of ``conf/model/NAME.yaml``; None if there is no such file or it names no model."""
    path = conf_dir() / "model" / f"{name}.yaml"
    values = OmegaConf.load(path) if path.is_file() else None
    if not isinstance(values, DictConfig) or "name" not in values:
        return None
    return ModelConfig(**{str(key): value for key, value in values.items() if key != "defaults"})


def models() -> dict[str, ModelConfig]:
    """Return the models that have a file in conf/model, by the name that their library gives them."""
    found = (model(path.stem) for path in sorted((conf_dir() / "model").glob("*.yaml")))
    return {each.name: each for each in found if each is not None}


def _folder(name: str) -> Path:
    package = Path(__file__).resolve().parents[1]
    packaged = package / "_data" / name
    return packaged if packaged.is_dir() else package.parent / name

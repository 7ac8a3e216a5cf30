"""torchvision's classifiers; published accuracy comes from its weight enums, offline."""

import math
from typing import TYPE_CHECKING

from perfexp.errors import ModelError
from perfexp.models.base import IMAGENET, Facts, Preprocessing, Source, defines

if TYPE_CHECKING:
    from torch import nn

_WITHOUT_SLOW_INIT: dict[str, dict[str, bool]] = {
    "googlenet": {"init_weights": False, "aux_logits": False},
    "inception_v3": {"init_weights": False},
}
"""Their initialisation takes minutes; GoogLeNet's published size excludes its auxiliary heads."""


class TorchvisionSource(Source):
    """``torchvision.models``, classifiers only."""

    packages = ("torchvision", "torch")

    def names(self) -> list[str]:
        from torchvision import models

        return list(models.list_models(module=models))

    def has(self, name: str) -> bool:
        return defines("torchvision", name)

    def facts(self, name: str) -> Facts:
        from torchvision import models

        architecture, _, tag = name.partition(".")
        if tag:
            raise ModelError(
                f"torchvision's names have no tags, but {name!r} has {tag!r}; give "
                f"model.name={architecture}, or model=timm."
            )
        weights = models.get_model_weights(name).DEFAULT
        accuracy = weights.meta["_metrics"]["ImageNet-1K"]
        top1, top5 = accuracy["acc@1"], accuracy["acc@5"]
        family = models.get_model_builder(name).__module__.rsplit(".", 1)[-1]
        return Facts(
            input_size=weights.transforms().crop_size[0],
            family=family,
            published_weights=f"{type(weights).__name__}.{weights.name}",
            published_top1=None if math.isnan(top1) else top1,
            published_top5=None if math.isnan(top5) else top5,
            published_macs=weights.meta["_ops"] * 1e9,
        )

    def preprocessing(self, name: str, input_size: int, resize: int | None) -> Preprocessing:
        from torchvision import models

        weights = models.get_model_weights(name).DEFAULT
        transform = weights.transforms()
        if [input_size] != transform.crop_size or resize is not None:
            transform = weights.transforms(crop_size=input_size, resize_size=resize or input_size)
        steps = " ".join(repr(transform).split())
        return Preprocessing(f"torchvision {type(weights).__name__}.{weights.name}", steps, transform)

    def build(self, name: str, input_size: int, pretrained: bool, classes: int = IMAGENET) -> "nn.Module":
        from torchvision import models

        if pretrained:
            options: dict[str, object] = {"weights": "DEFAULT"}
        else:
            options = {"weights": None, "num_classes": classes, **_WITHOUT_SLOW_INIT.get(name, {})}
        if name.startswith("vit_") and not pretrained:
            options["image_size"] = input_size
        network: nn.Module = models.get_model(name, **options)
        return network


SOURCE = TorchvisionSource()

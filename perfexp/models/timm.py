"""timm's classifiers; its package carries no accuracies, so none are published here."""

from typing import TYPE_CHECKING

from perfexp.models.base import Facts, Source

if TYPE_CHECKING:
    from torch import nn


class TimmSource(Source):
    """``timm.create_model``."""

    packages = ("timm", "torchvision", "torch")

    def names(self) -> list[str]:
        import timm

        return list(timm.list_models())

    def facts(self, name: str) -> Facts:
        import timm
        from timm.models import get_pretrained_cfg, model_entrypoint

        settings = get_pretrained_cfg(name)
        size = settings.input_size[-1] if settings else 224
        module = model_entrypoint(name.split(".")[0]).__module__
        tagged = next(iter(timm.list_pretrained(name)), None)
        return Facts(input_size=size, family=module.rsplit(".", 1)[-1], published_weights=tagged)

    def build(self, name: str, input_size: int, pretrained: bool) -> "nn.Module":
        import timm

        network: nn.Module
        try:
            sized = {} if input_size == self.facts(name).input_size else {"img_size": input_size}
            network = timm.create_model(name, pretrained=pretrained, **sized)
        except TypeError:
            network = timm.create_model(name, pretrained=pretrained)
        return network


SOURCE = TimmSource()

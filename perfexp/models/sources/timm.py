"""timm's classifiers; its package contains no accuracies, so none are published here."""

from typing import TYPE_CHECKING

from perfexp.errors import ModelError, nearest
from perfexp.models.base import IMAGENET, Facts, Preprocessing, Source, defines

if TYPE_CHECKING:
    from torch import nn


class TimmSource(Source):
    """``timm.create_model``."""

    packages = ("timm", "torchvision", "torch")

    def names(self) -> list[str]:
        import timm

        return list(timm.list_models())

    def has(self, name: str) -> bool:
        return defines("timm", name.partition(".")[0])

    def _require_tag(self, name: str) -> None:
        """Check that timm knows the tag behind a name's point.

        Raises:
            ModelError: it has none.
        """
        import timm

        architecture, _, tag = name.partition(".")
        known = timm.list_models(f"{architecture}.*", include_tags=True)
        if tag and name not in known:
            raise ModelError(
                f"timm has no weights {tag!r} of {architecture}: {nearest(name, known)}; name one of "
                f"them, or model.name={architecture}."
            )

    def facts(self, name: str) -> Facts:
        import timm
        from timm.models import get_pretrained_cfg, model_entrypoint

        self._require_tag(name)
        settings = get_pretrained_cfg(name)
        size = settings.input_size[-1] if settings else 224
        module = model_entrypoint(name.split(".")[0]).__module__
        tagged = next(iter(timm.list_pretrained(name)), None)
        return Facts(input_size=size, family=module.rsplit(".", 1)[-1], published_weights=tagged)

    def preprocessing(self, name: str, input_size: int, resize: int | None) -> Preprocessing:
        from timm.data import create_transform, resolve_data_config
        from timm.models import get_pretrained_cfg

        settings = get_pretrained_cfg(name)
        config = resolve_data_config({}, pretrained_cfg=settings.to_dict() if settings else {})
        if input_size != config["input_size"][-1] or resize is not None:
            crop_pct = input_size / (resize or input_size)
            config |= {"input_size": (3, input_size, input_size), "crop_pct": crop_pct}
        steps = ", ".join(f"{key}={value}" for key, value in sorted(config.items()))
        origin = f"timm {settings.architecture}.{settings.tag}" if settings else "timm's defaults"
        return Preprocessing(origin, steps, create_transform(**config, is_training=False))

    def build(self, name: str, input_size: int, pretrained: bool, classes: int = IMAGENET) -> "nn.Module":
        import timm

        network: nn.Module
        try:
            sized = {} if input_size == self.facts(name).input_size else {"img_size": input_size}
            network = timm.create_model(name, pretrained=pretrained, num_classes=classes, **sized)
        except TypeError:
            network = timm.create_model(name, pretrained=pretrained, num_classes=classes)
        return network


SOURCE = TimmSource()

from perfexp.config import catalog
from perfexp.config.schema import ModelConfig


def test_a_preset_is_read_with_all_its_fields() -> None:
    alexnet = catalog.model("alexnet")
    assert alexnet == ModelConfig("torchvision", "alexnet", "AlexNet", "AlexNet", min_input_size=64)


def test_what_names_no_model_is_none() -> None:
    assert catalog.model("timm") is None and catalog.model("no_such_model") is None


def test_all_presets_are_keyed_by_the_librarys_name() -> None:
    models = catalog.models()
    assert len(models) == 33
    assert all(catalog.model(name) == model and model.name == name for name, model in models.items())

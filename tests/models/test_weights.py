from pathlib import Path

import pytest
import torch

from perfexp.config.schema import ModelConfig
from perfexp.errors import ModelError
from perfexp.models import sources
from perfexp.models.weights import with_new_head, with_weights

TORCHVISION = sources.source("torchvision")
NOISE = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(7))


def build(
    name: str = "mnasnet0_5",
    weights: str = "random",
    seed: int = 0,
    input_size: int = 64,
    classes: int = 1000,
) -> torch.nn.Module:
    model = ModelConfig("torchvision", name, classes=classes)
    return with_weights(TORCHVISION, model, input_size, weights, seed)


def test_random_weights_follow_the_seed() -> None:
    first, same, other = build(), build(), build(seed=1)
    assert torch.equal(first(NOISE), same(NOISE))
    assert not torch.equal(first(NOISE), other(NOISE))


@pytest.mark.parametrize("name", ["mnasnet0_5", "mobilenet_v2", "inception_v3"])
def test_calibration_gives_outputs_a_scale(name: str) -> None:
    network = build(name, input_size=96)
    noise = torch.randn(4, 3, 96, 96, generator=torch.Generator().manual_seed(7))
    assert 0.005 < float(network(noise).std()) < 50


def test_network_is_ready_to_infer() -> None:
    network = build()
    assert not any(module.training for module in network.modules())
    assert not any(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.parametrize("wrapper", [None, "state_dict", "model"])
def test_checkpoint_is_loaded(tmp_path: Path, wrapper: str | None) -> None:
    saved = build(seed=3)
    state = saved.state_dict()
    torch.save({wrapper: state} if wrapper else state, tmp_path / "weights.pt")
    assert torch.equal(build(weights=str(tmp_path / "weights.pt"))(NOISE), saved(NOISE))


def test_safetensors_checkpoint_is_loaded(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    saved = build(seed=3)
    save_file(saved.state_dict(), tmp_path / "weights.safetensors")
    assert torch.equal(build(weights=str(tmp_path / "weights.safetensors"))(NOISE), saved(NOISE))


def test_checkpoint_of_another_architecture_says_what_differs(tmp_path: Path) -> None:
    torch.save(build("mnasnet1_0").state_dict(), tmp_path / "other.pt")
    with pytest.raises(ModelError, match=r"does not fit mnasnet0_5: 0 tensors missing, 0 unknown, \d+ of an"):
        build(weights=str(tmp_path / "other.pt"))


def test_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="neither random, pretrained nor a file that exists"):
        build(weights=str(tmp_path / "nowhere.pt"))


@pytest.mark.parametrize("content", [b"", b"not a checkpoint"])
def test_unreadable_checkpoint_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken.pt").write_bytes(content)
    with pytest.raises(ModelError, match="cannot be read as tensors"):
        build(weights=str(tmp_path / "broken.pt"))


def test_checkpoint_that_would_run_code_is_refused(tmp_path: Path) -> None:
    torch.save({"model": build()}, tmp_path / "pickled.pt")
    with pytest.raises(ModelError, match="cannot be read as tensors"):
        build(weights=str(tmp_path / "pickled.pt"))


def test_pretrained_weights_offline_are_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("socket.socket.connect", _refuse)
    monkeypatch.setattr("socket.getaddrinfo", _refuse)
    with pytest.raises(ModelError, match="could not be fetched.*weights=random"):
        build(weights="pretrained")


def _refuse(*_arguments: object, **_named: object) -> None:
    raise OSError("no network in this test")


def test_a_head_of_other_classes_is_built_and_loaded(tmp_path: Path) -> None:
    saved = build(classes=10, seed=3)
    torch.save(saved.state_dict(), tmp_path / "ten.pt")
    assert build(classes=10, weights=str(tmp_path / "ten.pt"))(NOISE).shape == (4, 10)
    with pytest.raises(ModelError, match="2 of another shape .*and model.classes="):
        build(weights=str(tmp_path / "ten.pt"))


def test_pretrained_weights_have_imagenets_classes() -> None:
    with pytest.raises(ModelError, match="tell 1000 classes apart, but model.classes=10"):
        build(weights="pretrained", classes=10)


def test_a_new_head_keeps_all_that_does_not_depend_on_the_classes() -> None:
    model = ModelConfig("torchvision", "mnasnet0_5", classes=10)
    network = with_new_head(TORCHVISION, model, 64, "random", 3)
    before, after = build(seed=3).state_dict(), network.state_dict()
    changed = [key for key in after if not torch.equal(before[key], after[key])]
    assert changed == ["classifier.1.weight", "classifier.1.bias"]
    assert network(NOISE).shape == (4, 10)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod."])
def test_a_wrapped_networks_checkpoint_is_loaded(tmp_path: Path, prefix: str) -> None:
    saved = build(seed=3)
    state = {prefix + key: value for key, value in saved.state_dict().items()}
    torch.save({"state_dict": state}, tmp_path / "weights.pt")
    assert torch.equal(build(weights=str(tmp_path / "weights.pt"))(NOISE), saved(NOISE))


def test_heads_of_training_are_left_aside(tmp_path: Path) -> None:
    saved = build("googlenet", seed=3)
    heads = {"aux1.fc1.bias": torch.zeros(1024), "aux2.fc1.bias": torch.zeros(1024)}
    torch.save(saved.state_dict() | heads, tmp_path / "weights.pt")
    assert torch.equal(build("googlenet", weights=str(tmp_path / "weights.pt"))(NOISE), saved(NOISE))

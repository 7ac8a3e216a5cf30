import math

import pytest
import torch

from perfexp.evaluation.finetuning import EarlyStop, Epoch, Schedule, fit


def test_early_stop_waits_for_its_patience_and_knows_the_best() -> None:
    stop = EarlyStop(patience=2)
    assert [stop.update(loss) for loss in (3.0, 2.0, 2.5, 1.0, math.nan)] == [True, True, False, True, False]
    assert (stop.best, stop.ended) == (3, False)
    assert not stop.update(1.0)
    assert (stop.best, stop.ended) == (3, True)


@pytest.fixture
def batches() -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Two classes that a linear network can tell apart."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(64) % 2
    images = torch.randn(64, 3, 4, 4, generator=generator) + (4 * labels - 2)[:, None, None, None]
    return list(zip(images.split(16), labels.split(16), strict=True))


def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(48, 2))


def test_training_learns(batches: list[tuple[torch.Tensor, torch.Tensor]]) -> None:
    heard: list[Epoch] = []
    _, best = fit(
        network(), batches, batches, Schedule(10, 10, 0.05, 0.0, "cpu"), lambda _, e: heard.append(e)
    )
    assert len(heard) == 10
    assert heard[best].validation_top1 == 100
    assert heard[best].validation_loss == min(e.validation_loss for e in heard) < heard[0].train_loss


def test_the_best_epochs_weights_are_kept(batches: list[tuple[torch.Tensor, torch.Tensor]]) -> None:
    """Held-out labels are wrong on purpose: every step of training makes the loss on them worse."""
    wrong = [(images, 1 - labels) for images, labels in batches]
    trained, heard = network(), []
    _, best = fit(trained, batches, wrong, Schedule(9, 3, 0.05, 0.0, "cpu"), lambda _, e: heard.append(e))
    assert (best, len(heard)) == (0, 4)
    once = network()
    fit(once, batches, wrong, Schedule(9, 1, 0.05, 0.0, "cpu"), lambda *_: None)
    for key, value in once.state_dict().items():
        assert torch.equal(trained.state_dict()[key], value)

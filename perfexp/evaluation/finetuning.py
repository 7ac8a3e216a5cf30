"""Fine-tuning: a plain loop with early stopping on a held-out share."""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from perfexp.errors import DataError
from perfexp.evaluation.loading import Transformed
from perfexp.evaluation.scores import Scores, score, summarise
from perfexp.worker.process import obey_parent, process_context

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler


@dataclass(frozen=True)
class Epoch:
    """One pass over the images: mean training loss; loss and top-1 (percent) on the held-out images."""

    train_loss: float
    validation_loss: float
    validation_top1: float


@dataclass(frozen=True)
class Schedule:
    """AdamW's settings and the stop rule; see ``perfexp finetune --help``."""

    epochs: int
    patience: int
    learning_rate: float
    weight_decay: float
    device: str


class EarlyStop:
    """Tracks the epoch of the lowest loss; ends when ``patience`` epochs brought no lower one."""

    def __init__(self, patience: int) -> None:
        self._patience = patience
        self._losses: list[float] = []

    @property
    def best(self) -> int:
        """The first epoch of the lowest loss, counted from 0."""
        return int(np.nanargmin(self._losses))

    def update(self, loss: float) -> bool:
        """Add an epoch's loss; return whether it is the lowest so far."""
        self._losses.append(loss if np.isfinite(loss) else np.inf)
        return self.best == len(self._losses) - 1

    @property
    def ended(self) -> bool:
        """Whether to stop."""
        return len(self._losses) - 1 - self.best >= self._patience


class Batches:
    """Images at some indices with their labels, read in worker processes; shuffled if a seed is given."""

    def __init__(
        self,
        source: Transformed,
        indices: Sequence[int],
        batch_size: int,
        workers: int,
        seed: int | None = None,
    ) -> None:
        import torch
        from torch.utils.data import DataLoader, Subset

        generator = None if seed is None else torch.Generator().manual_seed(seed)
        self._source = source
        self._loader: DataLoader[object] = DataLoader(
            Subset(source, indices),  # type: ignore[arg-type]
            batch_size=batch_size,
            shuffle=seed is not None,
            drop_last=seed is not None and len(indices) > batch_size,
            generator=generator,
            num_workers=workers,
            collate_fn=list,
            persistent_workers=True,
            worker_init_fn=obey_parent,
            multiprocessing_context=process_context(),
        )

    def __len__(self) -> int:
        return len(self._loader)

    def __iter__(self) -> "Iterator[tuple[Tensor, Tensor]]":
        import torch

        items = self._source.dataset.items
        for batch in self._loader:
            for index, image in batch:
                if isinstance(image, str):
                    raise DataError(f"{items[index].name} could not be decoded ({image}); mend or remove it.")
            labels = torch.tensor([items[index].label for index, _ in batch])
            yield torch.from_numpy(np.stack([image for _, image in batch])), labels


def split(labels: Sequence[int], share: float, seed: int) -> tuple[Sequence[int], Sequence[int]]:
    """Return indices to train on and indices held out, in the same proportions of classes.

    Raises:
        DataError: a class has too few images.
    """
    from sklearn.model_selection import train_test_split

    try:
        train, held_out = train_test_split(
            range(len(labels)), test_size=share, random_state=seed, stratify=labels
        )
    except ValueError as error:
        raise DataError(
            f"validation={share} of {len(labels)} images cannot be held out from each class ({error}); give "
            "more images, or another share."
        ) from error
    return train, held_out


def save(network: "nn.Module", path: Path) -> None:
    """Write the tensors as a checkpoint in the format safetensors."""
    from safetensors.torch import save_file

    save_file({k: v.detach().cpu().clone().contiguous() for k, v in network.state_dict().items()}, path)


def fit(
    network: "nn.Module",
    train: Batches,
    held_out: Batches,
    schedule: Schedule,
    report: Callable[[int, Epoch], None],
) -> tuple[list[Epoch], int]:
    """Train ``network`` in place, restore the weights of the best epoch; return all epochs and the best.

    The loss on ``held_out`` decides which epoch is best; ``report`` receives each.
    """
    import torch

    network.to(schedule.device)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=schedule.learning_rate, weight_decay=schedule.weight_decay
    )
    rates = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, schedule.learning_rate, epochs=schedule.epochs, steps_per_epoch=len(train)
    )
    stop, epochs = EarlyStop(schedule.patience), list[Epoch]()
    best = copy.deepcopy(network.state_dict())
    for number in range(schedule.epochs):
        loss = _train(network, train, optimizer, rates, schedule.device)
        judged = _judge(network, held_out, schedule.device)
        epoch = Epoch(loss, float(judged.loss.mean()), summarise(judged)["top1"])
        epochs.append(epoch)
        report(number, epoch)
        if stop.update(epoch.validation_loss):
            best = copy.deepcopy(network.state_dict())
        if stop.ended:
            break
    network.load_state_dict(best)
    return epochs, stop.best


def _train(
    network: "nn.Module",
    batches: Batches,
    optimizer: "Optimizer",
    rates: "LRScheduler",
    device: str,
) -> float:
    import torch

    network.train().requires_grad_(True)
    losses = []
    for images, labels in batches:
        outputs = network(images.to(device))
        outputs = getattr(outputs, "logits", outputs)  # networks with auxiliary heads wrap them
        loss = torch.nn.functional.cross_entropy(outputs, labels.to(device))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        rates.step()
        losses.append(float(loss.detach()))
    return float(np.mean(losses))


def _judge(network: "nn.Module", batches: Batches, device: str) -> Scores:
    import torch

    network.eval()
    parts = []
    with torch.inference_mode():
        for images, labels in batches:
            parts.append(score(network(images.to(device)).cpu().numpy(), labels.numpy()))
    return Scores.joined(parts)

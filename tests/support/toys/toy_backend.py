"""A backend that sleeps for as many milliseconds as it is told."""

import time
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from perfexp.backends.base import Backend, Session
from perfexp.config.schema import BackendConfig


@dataclass
class ToyConfig(BackendConfig):
    """``waits`` is in ms."""

    name: str = "toy"
    waits: float = 1.0


class ToySession(Session):
    """Sleeps."""

    timed_region: ClassVar[str] = "a sleep"

    def __init__(self, waits_ms: float) -> None:
        self._waits_ms = waits_ms

    def bind(self, inputs):
        self._inputs = inputs

    def infer(self, index):
        time.sleep(self._waits_ms / 1e3)

    def output(self, index):
        return np.zeros((len(self._inputs[index]), 2), np.float32)

    def effective(self):
        shape = str(list(self._inputs[0].shape))
        return {"device": "cpu", "precision": "f32", "threads": "1", "input_shape": shape}

    def model_bytes(self):
        return None


class ToyBackend(Backend):
    """Computes nothing."""

    Config = ToyConfig
    computes = False

    def start(self):
        pass

    def threads(self):
        return 1

    def load(self, network, batch_size, cache, phases):
        return ToySession(self.config.waits)


BACKEND = ToyBackend

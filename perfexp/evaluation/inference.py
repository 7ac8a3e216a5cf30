"""A network loaded in a clean process, which infers batches until it is closed."""

import time
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from perfexp.backends.base import Session
from perfexp.cache import Cache
from perfexp.config.schema import Cell
from perfexp.errors import BackendError
from perfexp.evaluation.scores import Logits
from perfexp.models.base import Images
from perfexp.phases import Phases
from perfexp.records import Failure, FailureKind
from perfexp.worker import checks, process, steps


class InferenceError(BackendError):
    """The process returned no logits; ``failure`` says how it ended."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class Inference:
    """The parent's side: sends batches, receives logits, until it is closed.

    Raises:
        InferenceError: the network cannot be loaded, or its process ended, or does not answer.
    """

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        context = process.process_context()
        self._connection, far = context.Pipe()
        self._process = context.Process(target=_serve, args=(cell, far), daemon=True)
        self._process.start()
        far.close()
        self.seconds = 0.0
        try:
            self.effective: dict[str, str] = self._received()
        except InferenceError:
            self.close()
            raise

    def close(self) -> None:
        """End the process."""
        self._connection.close()
        self._process.join(timeout=2)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def logits(self, images: Images) -> Logits:
        """Return logits ``(images, classes)`` of images ``(images, 3, height, width)``.

        The wall time of the forward passes is added to ``seconds``; copying and decoding are not.

        Raises:
            InferenceError: the process failed, ended, or does not answer.
        """
        answers: list[Logits] = []
        for start in range(0, len(images), self._cell.batch_size):
            batch = images[start : start + self._cell.batch_size]
            try:
                self._connection.send(batch)
            except OSError:
                self._received()
            outputs, seconds = self._received()
            self.seconds += seconds
            answers.append(outputs)
        return np.concatenate(answers)

    def _received(self) -> Any:
        limit_s = self._cell.measure.time_limit_s
        try:
            if not self._connection.poll(limit_s):
                silent = f"The network's process gave no answer within {limit_s:g} s; raise time_limit_s."
                raise InferenceError(Failure(FailureKind.TIMEOUT, silent))
            message = self._connection.recv()
        except (EOFError, OSError):
            message = process.verdict(self._process, self._cell)
        if isinstance(message, Failure):
            raise InferenceError(message)
        return message


def _serve(cell: Cell, connection: Connection) -> None:
    """Run in the worker: load, report the effective settings, then answer until the connection closes."""
    cache, phases = Cache(Path(cell.cache_dir)), Phases()

    def load_and_answer() -> None:
        network, backend = steps.prepared(cell, cache, phases)
        session = backend.load(network, cell.batch_size, cache, phases)
        shape = (cell.batch_size, 3, network.input_size, network.input_size)
        _answer(session, np.zeros(shape, np.float32), cell.batch_size)
        actual = checks.confirm_effective(cell.backend, backend.threads(), shape, session.effective())
        with suppress(EOFError, ConnectionError):
            connection.send({**actual, "input_size": str(network.input_size)})
            while True:
                connection.send(_answer(session, connection.recv(), cell.batch_size))

    process.serve_parent(connection, phases, load_and_answer)


def _answer(session: Session, images: Images, batch_size: int) -> tuple[Logits, float]:
    """Return logits of at most a batch; the rest of the batch is padding whose logits are dropped."""
    padding = np.zeros((batch_size - len(images), *images.shape[1:]), np.float32)
    session.bind([np.concatenate([images, padding]) if len(padding) else images])
    start = time.perf_counter()
    session.infer(0)
    seconds = time.perf_counter() - start
    return session.output(0)[: len(images)], seconds

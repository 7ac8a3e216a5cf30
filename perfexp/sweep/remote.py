"""Launchers on other nodes: the task that they run, and the return of a job that was lost."""

import os
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from hydra.core.override_parser.types import Quote, QuotedString
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig

from perfexp import environment
from perfexp.errors import LaunchError
from perfexp.store.address import is_secret, redacted_text


class Task:
    """A task that runs in the directory where it was created.

    Args:
        task: what Hydra calls on the node.
        variables: of :func:`variables`, for engines that do not copy the environment.
        secrets: names of :func:`secrets`, which the node has to have itself.
    """

    def __init__(
        self,
        task: Callable[[DictConfig], object],
        variables: Mapping[str, str] | None = None,
        secrets: Sequence[str] = (),
    ) -> None:
        self.task = task
        self.folder = str(Path.cwd())
        self.variables = variables
        self.secrets = secrets

    def __call__(self, config: DictConfig) -> object:
        """Run the task.

        Raises:
            LaunchError: the node does not have the directory or a secret, or the task ended with an error.
        """
        try:
            os.chdir(self.folder)
        except OSError as error:
            raise LaunchError(
                f"The node {environment.node()} cannot enter {self.folder} ({error.strerror}); start "
                "sweeps from a directory that all nodes share."
            ) from error
        if missing := [name for name in self.secrets if name not in os.environ]:
            raise LaunchError(
                f"The node {environment.node()} has no {' and no '.join(missing)}, which are not sent to it; "
                "start its Ray with them in the environment."
            )
        if self.variables is not None:
            for name in variables():
                del os.environ[name]
            os.environ.update(self.variables)
        try:
            return self.task(config)
        except SystemExit as stop:
            if not getattr(stop, "__notes__", []):
                raise
            raise LaunchError(stop.__notes__[0]) from stop


def variables() -> dict[str, str]:
    """Return the environment variables that decide the store and the speed of numerical libraries.

    Which GPU a job may use is not among them, which the engine decides, nor are secrets: what is sent lies
    in the engine's memory, files and logs.
    """
    chosen = {k: v for k, v in os.environ.items() if k.startswith("MLFLOW_")} | environment.settings()
    hidden = secrets()
    return {k: v for k, v in chosen.items() if not k.startswith("CUDA_") and k not in hidden}


def secrets() -> list[str]:
    """Return the names of MLflow's variables that hold a password, a token, or an address with one."""
    given = {k: v for k, v in os.environ.items() if k.startswith("MLFLOW_")}
    return sorted(k for k, v in given.items() if is_secret(k) or redacted_text(v) != v)


class RemoteLauncher(Launcher):
    """A launcher that reports each job when it ends, and a lost job by a return of its own."""

    @abstractmethod
    def collect(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Iterator[tuple[int, JobReturn]]:
        """Run all jobs; yield each one's index in ``job_overrides`` and its return, as they end."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run all jobs; return their returns in the order of ``job_overrides``."""
        returned = dict(self.collect(job_overrides, initial_job_idx))
        return [returned[index] for index in sorted(returned)]


def placed(overrides: Sequence[str], config: DictConfig) -> list[str]:
    """Return a job's overrides, with the folder of all runs as an absolute path."""
    root = QuotedString(str(Path(config.tracking.root).absolute()), Quote.single)
    return [*overrides, f"tracking.root={root.with_quotes()}"]


def lost(sentence: str) -> JobReturn:
    """Return a failed job return that stands for a lost job; its value raises LaunchError."""
    returned = JobReturn(status=JobStatus.FAILED)
    returned.return_value = LaunchError(f"{sentence.rstrip('.')}.")
    return returned

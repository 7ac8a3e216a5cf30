"""Run cells on a Slurm cluster: submit them by submitit, collect them one by one."""

import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NoReturn

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from perfexp import signals
from perfexp.errors import Exit, LaunchError
from perfexp.sweep import remote

if TYPE_CHECKING:
    from submitit import Job

ARRAY_LIMIT = 1000
"""Tasks in one array: Slurm's MaxArraySize is 1001 unless configured otherwise."""
_POLL_S, _PATIENCE_S = 1.0, 15.0


class SlurmLauncher(remote.RemoteLauncher):
    """As submitit's launcher, but a lost job hides no other, and a stop cancels all jobs.

    The plugin's ``launch`` raises at the first job without a result and drops the rest.
    """

    def __init__(self, **parameters: object) -> None:
        self.parameters = parameters

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        from hydra_plugins.hydra_submitit_launcher.submitit_launcher import SlurmLauncher as OnNode

        self.config = config
        self.on_node = OnNode(**self.parameters)
        # sbatch copies the environment; as part of a task, submitit would write passwords to disk.
        task = remote.Task(_Stoppable(task_function))
        self.on_node.setup(hydra_context=hydra_context, task_function=task, config=config)

    def collect(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Iterator[tuple[int, JobReturn]]:
        placed = [remote.placed(overrides, self.config) for overrides in job_overrides]
        jobs: list[Job[JobReturn]] = []
        try:
            for first in range(0, len(placed), ARRAY_LIMIT):
                jobs += self._submit(placed[first : first + ARRAY_LIMIT], initial_job_idx + first)
            yield from _as_they_end(jobs)
        except BaseException:
            _cancel(jobs)
            raise

    def _submit(self, overrides: Sequence[Sequence[str]], first: int) -> "list[Job[JobReturn]]":
        from hydra_plugins.hydra_submitit_launcher.config import BaseQueueConf
        from submitit import AutoExecutor

        chosen = dict(self.on_node.params)
        folder, retries = chosen.pop("submitit_folder"), chosen.pop("max_num_timeout")
        shared = OmegaConf.structured(BaseQueueConf)
        state = Singleton.get_state()
        calls = [(o, "hydra.sweep.dir", n, f"job_id_for_{n}", state) for n, o in enumerate(overrides, first)]
        try:
            executor = AutoExecutor(folder=folder, cluster="slurm", slurm_max_num_timeout=retries)
            executor.update_parameters(**{k if k in shared else f"slurm_{k}": v for k, v in chosen.items()})
            return list(executor.map_array(self.on_node, *zip(*calls, strict=True)))
        except RuntimeError as error:
            raise LaunchError(
                f"Slurm took no job ({_last_line(str(error))}); check that sbatch works here, and what is "
                "set in hydra.launcher."
            ) from error


def _as_they_end(jobs: "Sequence[Job[JobReturn]]") -> Iterator[tuple[int, JobReturn]]:
    waiting = dict(enumerate(jobs))
    while waiting:
        for index, job in list(waiting.items()):
            if job.done():
                del waiting[index]
                yield index, _returned(job)
        time.sleep(_POLL_S)


def _cancel(jobs: "Sequence[Job[JobReturn]]") -> None:
    """Cancel whole arrays, and give the running cells time to be written."""
    if not jobs:
        return
    subprocess.run(["scancel", *{job.job_id.split("_")[0] for job in jobs}], check=False)
    watcher, deadline = jobs[0].watcher, time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        watcher.update()
        if all(watcher.is_done(job.job_id, mode="cache") for job in jobs):
            return
        time.sleep(_POLL_S)


def _returned(job: "Job[JobReturn]") -> JobReturn:
    """Return what the job returned, or a failure that says how Slurm ended it."""
    from submitit.core.utils import FailedJobError, UncompletedJobError

    state = job.get_info(mode="cache").get("State", "UNKNOWN")
    if job.paths.result_pickle.exists() or state == "COMPLETED":
        try:
            returned: JobReturn = job.result()
            return returned
        except (FailedJobError, UncompletedJobError) as error:
            return remote.lost(f"Slurm job {job.job_id} returned nothing: {_last_line(str(error))}")
    output = _last_line(job.stderr() or "")
    return remote.lost(f"Slurm ended job {job.job_id} as {state}{f': {output}' if output else ''}")


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip(" -")), "")


class _Stoppable:
    """The task, ended in order by Slurm's signals: submitit ignores SIGTERM, and requeues on SIGUSR2."""

    def __init__(self, task: TaskFunction) -> None:
        self.task = task
        self.reason = ""

    def __call__(self, config: DictConfig) -> object:
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGUSR2, self._near_the_limit)
        with signals.never_lost():
            return self.task(config)

    def _stop(self, _signal: int, _frame: object) -> NoReturn:
        stop = signals.Terminated(int(Exit.TERMINATED))
        if self.reason:
            stop.add_note(self.reason)
        raise stop

    def _near_the_limit(self, _signal: int, _frame: object) -> None:
        self.reason = "The job was near its time limit; raise hydra.launcher.timeout_min."
        signal.raise_signal(signal.SIGTERM)

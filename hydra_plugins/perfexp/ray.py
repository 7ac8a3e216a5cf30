"""Run cells on a Ray cluster: submit them by Hydra's Ray plugin, collect them one by one."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

from perfexp.console import say
from perfexp.errors import LaunchError
from perfexp.sweep import remote

if TYPE_CHECKING:
    from ray import ObjectRef

_PATIENCE_S = 15.0
_OPEN = (
    "RAY_AUTH_MODE is not token: whoever reaches a Ray cluster without authentication runs programs there "
    "as its user; ray get-auth-token --generate makes a token."
)


class RayLauncher(remote.RemoteLauncher):
    """As the plugin's launcher, but a lost job hides no other, and a stop ends all jobs in order.

    The plugin's ``launch`` raises at the first lost job; Ray then kills the others.
    """

    def __init__(self, ray: DictConfig) -> None:
        self.ray = ray

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.config = config
        self.hydra_context = hydra_context
        # Ray does not copy the environment, and sets OMP_NUM_THREADS to its own count of CPUs.
        self.task = remote.Task(_OnNode(task_function), remote.variables(), remote.secrets())

    def collect(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Iterator[tuple[int, JobReturn]]:
        self._join()
        jobs = [self._submit(overrides, n) for n, overrides in enumerate(job_overrides, initial_job_idx)]
        try:
            yield from _as_they_end(jobs)
        except BaseException:
            _cancel(jobs)
            raise

    def _join(self) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        from hydra_plugins.hydra_ray_launcher._launcher_util import start_ray
        from ray.exceptions import AuthenticationError

        if os.environ.get("RAY_AUTH_MODE") != "token":
            say(_OPEN, file=sys.stderr, flush=True)
        try:
            start_ray(self.ray.init)
        except ConnectionError as error:
            raise LaunchError(
                f"No Ray cluster answers at {self.ray.init.address}; start its nodes with ray start, or name "
                "it in hydra.launcher.ray.init.address."
            ) from error
        except AuthenticationError as error:
            raise LaunchError(
                "RAY_AUTH_MODE is token, and Ray has none here that the cluster takes; copy the head's "
                "~/.ray/auth_token, or make one there with ray get-auth-token --generate."
            ) from error
        self._require_resources()

    def _require_resources(self) -> None:
        """Refuse resources that no node has: Ray would wait for them for ever."""
        import ray

        missing = set(self.ray.remote.get("resources", {})) - set(ray.cluster_resources())
        if missing:
            flag = json.dumps(dict.fromkeys(sorted(missing), 1))
            raise LaunchError(
                f"No node of the Ray cluster offers {' and '.join(sorted(missing))}; start nodes with "
                f"--resources='{flag}'."
            )

    def _submit(self, overrides: Sequence[str], number: int) -> "ObjectRef[JobReturn]":
        from hydra_plugins.hydra_ray_launcher._launcher_util import launch_job_on_ray

        loader = self.hydra_context.config_loader
        config = loader.load_sweep_config(self.config, remote.placed(overrides, self.config))
        with open_dict(config):
            config.hydra.job.id = f"job_id_for_{number}"
            config.hydra.job.num = number
        state = Singleton.get_state()
        return launch_job_on_ray(self.hydra_context, self.ray.remote, config, self.task, state)


def _as_they_end(jobs: "Sequence[ObjectRef[JobReturn]]") -> Iterator[tuple[int, JobReturn]]:
    import ray

    waiting = list(jobs)
    while waiting:
        ended, waiting = ray.wait(waiting)
        for job in ended:
            yield jobs.index(job), _returned(job)


def _returned(job: "ObjectRef[JobReturn]") -> JobReturn:
    """Return what the job returned, or a failure if its worker or node was lost."""
    import ray
    from ray.exceptions import RayError

    try:
        returned: JobReturn = ray.get(job)
    except RayError as error:
        return remote.lost(f"Ray lost the job: {str(error).strip().splitlines()[0]}")
    return returned


def _cancel(jobs: "Sequence[ObjectRef[JobReturn]]") -> None:
    """Interrupt running jobs, drop waiting ones, and give the running cells time to be written."""
    import ray
    from ray.exceptions import RayError

    for job in jobs:
        with suppress(RayError):
            ray.cancel(job)
    ray.wait(list(jobs), num_returns=len(jobs), timeout=_PATIENCE_S)


class _OnNode:
    """The task, with its node's address in the environment, where a Ray worker has none."""

    def __init__(self, task: TaskFunction) -> None:
        self.task = task

    def __call__(self, config: DictConfig) -> object:
        from ray.util import get_node_ip_address

        os.environ["PERFEXP_NODE"] = get_node_ip_address()
        return self.task(config)

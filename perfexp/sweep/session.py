"""One sweep from its start to its end: identity, jobs, rounds."""

import re
import shlex
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig, OmegaConf

from perfexp import environment
from perfexp.cache import digest
from perfexp.config.overrides import quoted
from perfexp.config.schema import OnInvalid, Rerun, SweepConfig, TrackingConfig
from perfexp.console import say, terminal
from perfexp.errors import LaunchError
from perfexp.records import LOST, Outcome, variant
from perfexp.runs import finished
from perfexp.store import connection
from perfexp.store.address import redacted
from perfexp.store.tracker import Tracker
from perfexp.sweep import cell_job
from perfexp.sweep.jobs import plan
from perfexp.sweep.jobs.grid import Job
from perfexp.sweep.progress import SweepProgress
from perfexp.sweep.remote import RemoteLauncher

if TYPE_CHECKING:
    from perfexp.sweep.cell_job import CellJob

_PREFIX, _IDENTITY = "sweep.", ("id", "name", "grid", "launched_from")
_ID = re.compile(r"[^${}\\'\"\n]{1,200}")


@cache
def current() -> SweepProgress:
    """Return this process's progress.

    It is one per process because Hydra makes the sweeper and calls the task: neither can be given it.
    """
    return SweepProgress()


def begin(
    config: DictConfig,
    jobs: Sequence[Job],
    costs: Sequence[float],
    now: datetime,
    progress: SweepProgress,
    remote: bool = False,
) -> Job:
    """Open the store and the progress display; return the overrides that identify the sweep to its jobs.

    ``remote`` says that the jobs run on other machines. The same jobs on the same machine and versions
    resume the earlier sweep under its id, unless everything is to be measured again.

    Raises:
        TrackingError: the store cannot be used.
    """
    tracking = TrackingConfig(config.tracking.uri, config.tracking.root)
    tracker = progress.tracker = cell_job.open_store(tracking, config.experiment)
    progress.plan(costs, terminal())
    if measure := plan.protocol(config):
        progress.later_rounds = measure.rounds - 1
    name = config.hydra.runtime.choices.get("sweep") or "sweep"
    grid = _grid(config, jobs)
    known = None if config.sweep.rerun == Rerun.all else finished.sweep_id(tracker, grid)
    if known and not _ID.fullmatch(known):  # Hydra would evaluate it, whoever wrote it
        say("The store names this sweep by an id that perfexp does not make; a new one begins.", flush=True)
        known = None
    place = environment.host()["host"] if remote else None
    chosen = SweepConfig(config.sweep.rerun, OnInvalid(config.sweep.on_invalid))
    known = known or new_id(name, now)
    progress.sweep = replace(chosen, id=known, name=name, grid=grid, launched_from=place)
    identity = {key: getattr(progress.sweep, key) for key in _IDENTITY}
    return {f"{_PREFIX}{key}": quoted(value) for key, value in identity.items() if value}


def new_id(name: str | None, now: datetime) -> str:
    """Return a sweep's id: its name and its start, to the millisecond."""
    return f"{name or 'sweep'}-{now:%Y%m%d-%H%M%S-%f}"[:-3]


@dataclass(frozen=True)
class Runner:
    """Runs a sweep's jobs through Hydra's launcher; ``compose`` gives a job's config from its overrides.

    ``in_process`` says that jobs run in this process, where each adds its own outcome.
    """

    launcher: Launcher
    compose: Callable[[list[str]], DictConfig]
    progress: SweepProgress
    in_process: bool

    def run_all(self, jobs: Sequence[list[str]]) -> None:
        """Run every job, and add the outcomes of those that ran in other processes.

        Raises:
            Exception: the first one that a job raised, after the last job.
        """
        errors: list[Exception] = []
        self.progress.interleaved = self.in_process
        with closing(self._returned(jobs)) as returns:
            for index, returned in returns:
                try:
                    self._added(returned, jobs[index])
                except Exception as error:  # noqa: BLE001 - raised again after the last job
                    errors.append(error)
        further_rounds(self.progress.unfinished, Random(str(jobs)))
        if errors:
            raise errors[0]

    def run_one(self, job: list[str]) -> Outcome:
        """Run one job.

        Raises:
            Exception: what the job raised.
        """
        [returned] = self.launcher.launch([job], len(self.progress.outcomes))
        return self._added(returned, job)

    def _returned(self, jobs: Sequence[list[str]]) -> Generator[tuple[int, JobReturn], None, None]:
        """Yield each job's place and return, as they end if the launcher reports each end."""
        if self.in_process:
            for number, job in enumerate(jobs):
                for returned in self.launcher.launch([job], number):
                    yield number, returned
        elif isinstance(self.launcher, RemoteLauncher):
            yield from self.launcher.collect(jobs, 0)
        else:
            yield from enumerate(self.launcher.launch(jobs, 0))

    def _added(self, returned: JobReturn, job: list[str]) -> Outcome:
        """Return a job's outcome, added if the job did not do so; raise what the job raised."""
        try:
            outcome: Outcome = returned.return_value
        except LaunchError as error:
            cell = self.compose(job)
            named = cell.model.name, cell.backend.name, cell.batch_size
            outcome = Outcome(*named, LOST, str(error), variant=variant(cell.sweep.axes))
        if not self.in_process:
            self.progress.add(outcome)
        return outcome


def further_rounds(unfinished: "list[CellJob]", random: Random) -> None:
    """Take the rounds that cells still need, round after round in random order, then the widest first.

    Random order keeps what passes slowly over a machine from falling on the same cells in each round
    (Abedi and Brecht, "Conducting repeatable experiments in highly variable cloud computing
    environments", ICPE 2017).
    """
    while unfinished:
        fewest = min(len(job.rounds.measured) for job in unfinished)
        least = [job for job in unfinished if len(job.rounds.measured) == fewest]
        regular = [job for job in least if fewest < job.cell.measure.rounds]
        job = random.choice(regular) if regular else max(unfinished, key=lambda job: job.rounds.half_width)
        time.sleep(job.rounds.pause_s(time.time()))
        job.step()
        if job.ended:
            unfinished.remove(job)
            job.finish()


def ui_command(tracker: Tracker, sweep: SweepConfig) -> str:
    """Return the command that opens the MLflow UI on these runs, without credentials."""
    words = ["perfexp", "ui"]
    if tracker.uri != connection.resolve(None, Path("mlruns")):
        words.append(f"tracking.uri={redacted(tracker.uri)}")
    if tracker.experiment != connection.experiment_name(None):
        words.append(f"experiment={tracker.experiment}")
    if sweep.id:
        words.append(f"sweep={sweep.id}")
    return shlex.join(words)


def _grid(config: DictConfig, jobs: Sequence[Job]) -> str:
    """Return the hash of everything that the sweep's cells are made from."""
    shared = OmegaConf.masked_copy(config, [str(key) for key in config if key not in ("hydra", "sweep")])
    swept = [sorted((k, v) for k, v in job.items() if not k.startswith(_PREFIX)) for job in jobs]
    facts = {"host": environment.host(), "versions": environment.versions()}
    return digest({"config": OmegaConf.to_yaml(shared), "jobs": sorted(swept), **facts})

"""One sweep in this process, on a two-node Slurm and on a two-node Ray, with the faults of each.

The test holds the device's lock while it breaks things: every cell that has begun waits for it.
"""

import os
import shlex
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from perfexp import load_runs
from perfexp.worker import device_lock
from tests.support.clusters import ray, slurm, until

if TYPE_CHECKING:
    from mlflow.entities import Run

BASIC = "perfexp --multirun sweep=quick"
SLURM = f"{BASIC} hydra/launcher=slurm"
RAY = f"{BASIC} hydra/launcher=ray_cluster"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "clusters.md"
CELLS = [(1, "fake"), (1, "torch"), (2, "fake"), (2, "torch")]
SMALL = [
    "model=squeezenet1_1",
    "backend=fake,torch",
    "batch_size=1,2",
    "input_size=32",
    "measure.percentiles=[]",
    "measure.min_s=1",
    "measure.rounds=2",
    "measure.max_rounds=2",
    "measure.round_pause_s=0.5",
    "measure.min_iterations=100",
]
SECRET = "not to be written"
PLACE = {"node", "sweep_id", "cell_key", "command"}
"""Tags in which the same sweep differs from one launcher to the other."""
JUDGED = (
    "verdict",
    "taint",
    "interval",
    "modes",
    "pace",
    "stop_reason",
    "warmup_stable",
    "writer",
    "delivery_id",
    "mlflow.",
    "in_",
)
"""Tags that say how a measurement went, who wrote it, or to which sweeps it belongs."""


class Sweep:
    """One recipe in a folder of its own."""

    def __init__(self, folder: Path, recipe: str, environment: Mapping[str, str]) -> None:
        folder.mkdir()
        self.folder = folder
        program, *arguments = shlex.split(recipe)
        self._command = [Path(sys.executable).parent / program, *arguments, *SMALL]
        self._environment = {**environment, "MLFLOW_TRACKING_PASSWORD": SECRET}

    def start(self) -> "subprocess.Popen[str]":
        self._process = subprocess.Popen(
            self._command,
            cwd=self.folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        return self._process

    def end(self) -> tuple[int, str]:
        """Exit code and what was printed, once it has ended."""
        if self._process.returncode is None:
            self._said, _ = self._process.communicate(timeout=300)
        return self._process.returncode, self._said

    def run(self) -> tuple[int, str]:
        self.start()
        return self.end()

    def waiting(self) -> int:
        """How many jobs of the newest invocation on Slurm have come to the device's lock."""
        newest = max((self.folder / "mlruns" / "hydra" / "sweep").glob("*"), default=self.folder)
        return waiting_in(newest.glob(".submitit/*/*_log.out"))

    def runs(self, **options: object):
        frame = load_runs(
            tracking_uri=f"sqlite:///{self.folder}/mlruns/mlflow.db", **{"status": None, **options}
        )
        return frame.sort_values([name for name in ("batch_size", "backend") if name in frame])

    def cells(self) -> "list[Run]":
        """The finished cells as MLflow has them, in the order of their choices."""
        from mlflow import MlflowClient

        client = MlflowClient(f"sqlite:///{self.folder}/mlruns/mlflow.db")
        [experiment] = client.search_experiments(filter_string="name = 'perfexp'")
        query = "tags.kind = 'cell' and attributes.status = 'FINISHED'"
        found = client.search_runs([experiment.experiment_id], query)
        return sorted(found, key=lambda run: (run.data.params["batch_size"], run.data.params["backend.name"]))


def waiting_in(logs: Iterable[Path]) -> int:
    return sum(log.read_text().count("Waiting for another measurement") for log in logs)


def _measured(run: "Run") -> set[str]:
    """Names of the metrics; phases aside, which say what was in the cache already."""
    return {name for name in run.data.metrics if not name.startswith("system/phase_")}


def _lasting(run: "Run") -> dict[str, str]:
    """Tags that neither the measurement nor the place decides."""
    return {k: v for k, v in run.data.tags.items() if k not in PLACE and not k.startswith(JUDGED)}


@pytest.fixture(scope="module")
def basic(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    """The sweep in one process, begun: what the others must have come to in the end."""
    folder = tmp_path_factory.mktemp("launchers")
    sweep = Sweep(folder / "basic", BASIC, {**os.environ, "PERFEXP_LOCKS": str(folder)})
    sweep.start()
    return sweep


@pytest.fixture
def on_slurm(tmp_path: Path) -> Iterator[slurm.SlurmCluster]:
    folder = tmp_path / "slurm"
    folder.mkdir()
    with slurm.running(folder) as cluster:
        yield cluster


@pytest.fixture
def on_ray(monkeypatch: pytest.MonkeyPatch) -> Iterator[ray.RayCluster]:
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", SECRET)  # which the nodes have themselves
    with ray.running() as cluster:
        yield cluster


def same(sweep: Sweep, basic: Sweep) -> None:
    """Both hold one run a cell, alike in everything that is not measured; all lies below mlruns/."""
    code, said = basic.end()
    assert code == 0, said
    ours, theirs = sweep.cells(), basic.cells()
    assert [(int(run.data.params["batch_size"]), run.data.params["backend.name"]) for run in ours] == CELLS
    for our, their in zip(ours, theirs, strict=True):
        assert our.data.params == their.data.params
        assert _measured(our) == _measured(their)
        assert _lasting(our) == _lasting(their)
        assert set(our.data.tags) > PLACE
        assert our.info.artifact_uri.startswith(f"file://{sweep.folder}/mlruns/artifacts/")
    assert sweep.runs()["sweep_id"].nunique() == 1
    assert "RUNNING" not in set(sweep.runs()["status"])
    assert len(sweep.runs(kind="curve", status="FINISHED")) >= 2
    assert os.listdir(sweep.folder) == ["mlruns"]
    written = [path for path in sweep.folder.rglob("*") if path.is_file()]
    assert not [path for path in written if SECRET.encode() in path.read_bytes()]


def never_at_once(sweep: Sweep) -> None:
    """Cells of one host ended at least as far apart as the later one was timed, whatever their node."""
    ended = sorted(
        (run.info.end_time / 1e3, run.data.metrics["system/phase_timed_s"]) for run in sweep.cells()
    )
    for (earlier, _), (later, timed_s) in pairwise(ended):
        assert later - earlier > 0.5 * timed_s


def test_the_pages_recipes_are_those_run_here() -> None:
    lines = {line for line in PAGE.read_text().splitlines() if "hydra/launcher=" in line}
    assert {line for line in lines if line.startswith("perfexp ")} == {SLURM, RAY}


@pytest.mark.slow
@pytest.mark.server
def test_slurm(tmp_path: Path, basic: Sweep, on_slurm: slurm.SlurmCluster) -> None:
    sweep = Sweep(tmp_path / "swept", SLURM, on_slurm.environment)
    with device_lock.held("cpu", 60.0, print):
        stopped = sweep.start()
        until(lambda: sweep.waiting() == 2)
        os.killpg(stopped.pid, signal.SIGINT)
        said, _ = stopped.communicate(timeout=60)
        assert stopped.returncode == 130, said
        assert on_slurm.jobs("PENDING", "RUNNING", "COMPLETING") == []
        assert Counter(sweep.runs()["status"]) == {"KILLED": 2}

    with device_lock.held("cpu", 60.0, print):
        broken = sweep.start()
        until(lambda: len(on_slurm.jobs("RUNNING")) == 2 and sweep.waiting() == 2)
        [array] = {number.split("_")[0] for number in on_slurm.jobs("RUNNING")}
        on_slurm.set_state("n2", "DRAIN")
        on_slurm("scancel", f"{array}_0")
        until(lambda: f"{array}_2" in on_slurm.jobs("RUNNING") and sweep.waiting() == 3)
        on_slurm("scontrol", "update", f"JobId={array}_2", "TimeLimit=1")
        until(lambda: f"{array}_2" not in on_slurm.jobs("RUNNING", "COMPLETING"))
    said, _ = broken.communicate(timeout=120)
    assert broken.returncode == 1, said
    assert f"LOST squeezenet1_1 fake b1: Slurm ended job {array}_0 as CANCELLED" in said
    assert "LOST squeezenet1_1 fake b2: The job was near its time limit; raise" in said
    assert said.count("LOST squeezenet1_1") == 2
    kept = sweep.runs(status="FINISHED")
    assert [(r["batch_size"], r["backend"], r["node"]) for r in kept.to_dict("records")] == [
        (1, "torch", "n2"),
        (2, "torch", "n1"),
    ]
    assert set(sweep.runs()["status"]) == {"FINISHED", "KILLED"}

    on_slurm.set_state("n2", "RESUME")
    code, again = sweep.run()
    assert code == 0, again
    assert again.count("measured before") == 2
    assert set(kept["run_id"]) < set(sweep.runs(status="FINISHED")["run_id"])
    same(sweep, basic)
    never_at_once(sweep)
    assert set(sweep.runs(status="FINISHED")["node"]) == set(slurm.NODES)
    assert sweep.runs()["host"].nunique() == 1


@pytest.mark.slow
@pytest.mark.server
def test_evaluations_on_slurm_tell_how_they_ended(tmp_path: Path, on_slurm: slurm.SlurmCluster) -> None:
    pictures = tmp_path / "pictures"
    for synset in ("n01440764", "n01443537"):
        (pictures / synset).mkdir(parents=True)
        Image.new("RGB", (90, 70)).save(pictures / synset / "1.png")
    done = subprocess.run(
        [
            *(Path(sys.executable).parent / "perfexp", "evaluate", "--multirun", "hydra/launcher=slurm"),
            *("backend=fake,torch", "dataset=imagenet", f"dataset.path={pictures}", "agreement=false"),
            *("weights=random", "input_size=64", "workers=1"),
        ],
        cwd=tmp_path,
        env=on_slurm.environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "[2/2] " in done.stdout and "FAILED squeezenet1_1 fake f32 on imagenet: " in done.stdout
    runs = load_runs(
        tracking_uri=f"sqlite:///{tmp_path}/mlruns/mlflow.db", kind="evaluation", status=None
    ).set_index("backend")
    assert runs["status"].to_dict() == {"fake": "FAILED", "torch": "FINISHED"}
    assert f": top1 {runs.loc['torch', 'top1']:.2f} %" in done.stdout


@pytest.mark.slow
@pytest.mark.server
def test_ray(tmp_path: Path, basic: Sweep, on_ray: ray.RayCluster) -> None:
    sweep = Sweep(tmp_path / "swept", RAY, on_ray.environment)
    logs = on_ray.folder / "session_latest" / "logs"

    with device_lock.held("cpu", 60.0, print):
        stopped = sweep.start()
        until(lambda: waiting_in(logs.glob("worker-*.out")) == 2)
        os.killpg(stopped.pid, signal.SIGINT)
        said, _ = stopped.communicate(timeout=60)
        assert stopped.returncode == 130, said
        assert Counter(sweep.runs()["status"]) == {"KILLED": 2}

        broken = sweep.start()
        until(lambda: waiting_in(logs.glob("worker-*.out")) == 4)
        on_ray.lose(ray.WORKER)
    said, _ = broken.communicate(timeout=120)
    assert broken.returncode == 1, said
    [lost] = [line for line in said.splitlines() if line.startswith("LOST squeezenet1_1")]
    assert "b1: Ray lost the job: " in lost
    kept = sweep.runs(status="FINISHED")
    assert len(kept) == 3
    assert set(kept["node"]) == {ray.HEAD}

    on_ray.start(ray.WORKER)
    code, again = sweep.run()
    assert code == 0, again
    assert again.count("measured before") == 3
    same(sweep, basic)
    never_at_once(sweep)
    assert sweep.runs()["host"].nunique() == 1

from datetime import datetime

import pytest
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import OmegaConf

from perfexp.config.schema import SweepConfig
from perfexp.records import Outcome
from perfexp.store.tracker import Tracker
from perfexp.sweep import remote, session
from perfexp.sweep.progress import SweepProgress


def outcome(batch_size: int = 1, status: str = "FINISHED", model: str = "resnet18") -> Outcome:
    metrics = {"latency_p50_ms": 2.0 * batch_size, "throughput_images_per_s": 500.0}
    failed = status != "FINISHED"
    return Outcome(
        model, "torch", batch_size, status, "It broke." if failed else "", None, {} if failed else metrics
    )


def test_ids_name_the_sweep_and_the_moment() -> None:
    assert session.new_id("quick", datetime(2026, 1, 2, 3, 4, 5, 678901)) == "quick-20260102-030405-678"


def test_ui_line_names_what_is_not_default(tracker: Tracker) -> None:
    assert session.ui_command(tracker, SweepConfig(id="quick-1")) == "perfexp ui sweep=quick-1"
    other = Tracker(tracker._client, "http://me:secret@server", "my runs", "1")
    line = session.ui_command(other, SweepConfig())
    assert line == "perfexp ui 'tracking.uri=http://***@server' 'experiment=my runs'"


class Launcher:
    """Returns one job as finished, one as lost, and one with an error, like a launcher of other nodes."""

    def launch(self, jobs: list[list[str]], _number: int) -> list[JobReturn]:
        returns = [
            JobReturn(_return_value=outcome(), status=JobStatus.COMPLETED),
            remote.lost("The node is gone"),
        ]
        broken = JobReturn(status=JobStatus.FAILED)
        broken.return_value = ValueError("broken")
        return [*returns, broken][: len(jobs)]


def runner(progress: SweepProgress) -> session.Runner:
    cell = {
        **{"model": {"name": "vgg16"}, "backend": {"name": "torch"}, "batch_size": 8},
        "sweep": {"axes": "backend.threads=2"},
    }
    return session.Runner(Launcher(), lambda _overrides: OmegaConf.create(cell), progress, in_process=False)


def test_a_lost_job_is_an_outcome_and_an_error_comes_after_the_last_job() -> None:
    progress = SweepProgress()
    with pytest.raises(ValueError, match="broken"):
        runner(progress).run_all([["a=1"], ["a=2"], ["a=3"]])
    assert [(o.status, o.batch_size, o.reason) for o in progress.outcomes] == [
        ("FINISHED", 1, ""),
        ("LOST", 8, "The node is gone."),
    ]


def test_one_job_gives_its_outcome() -> None:
    progress = SweepProgress()
    assert runner(progress).run_one(["a=1"]) == outcome()
    assert progress.outcomes == [outcome()]

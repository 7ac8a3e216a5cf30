"""perfexp measures image classifiers: model × backend × batch size, one MLflow run a cell.

  perfexp model=resnet50 backend=openvino batch_size=8
  perfexp --multirun model=resnet18,vgg16 backend=torch,openvino batch_size=1,8
  perfexp --multirun sweep=quick

perfexp --cfg job KEY=VALUE… prints the configuration and measures nothing; --hydra-help shows what
Hydra, which composes it, can do.
"""

from collections.abc import Sequence

from omegaconf import DictConfig

from perfexp.commands import _hydra
from perfexp.config import overrides
from perfexp.config.schema import RunConfig as Config
from perfexp.errors import Exit, PerfexpError, TrackingError

VERB = "run"


def launch(arguments: Sequence[str]) -> Exit:
    """Measure; the exit code says whether every cell was measured."""
    _hydra.launch(VERB, Config, arguments, _task, _finish)
    from perfexp.sweep import session

    return Exit.FAILED if session.current().failed else Exit.DONE


def _task(config: DictConfig) -> object:
    from perfexp.store.build import Request
    from perfexp.sweep import cell_job, objective, session

    settings = overrides.complete(config, Config)
    if sought := objective.names(settings):
        settings = objective.as_trial(settings, _hydra.overrides_of_job())
    try:
        request = Request(_hydra.text(config), _hydra.command("perfexp"), sought)
        outcome = cell_job.run(settings, request, session.current())
    except TrackingError:
        raise
    except PerfexpError as error:
        if settings.sweep.id is None and not sought:
            raise
        outcome = cell_job.refused(settings, error, session.current())
    return objective.values(outcome, sought) if outcome and sought else outcome


def _finish() -> None:
    """Print the table and the way to the UI, and write curves and views, for whatever was measured."""
    from perfexp import console
    from perfexp.serving import target
    from perfexp.sweep import curves, final_table, session, sweep_run

    progress = session.current()
    progress.close()
    if not progress.outcomes or progress.tracker is None:
        return
    if progress.sweep.id:
        curves.write(progress.tracker, progress.outcomes, progress.sweep)
        planned = len(progress.costs)
        sweep_run.write(progress.tracker, progress.outcomes, progress.sweep, planned, progress.elapsed_s)
        if not progress.tracker.behind:
            target.of_sweep(progress.tracker, progress.sweep.id).save_views()
    final_table.show(progress.outcomes, len(progress.unfinished), console.terminal())
    console.say(f"\nLook at these runs:  {session.ui_command(progress.tracker, progress.sweep)}")

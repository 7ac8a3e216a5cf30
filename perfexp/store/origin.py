"""Who wrote a run: the tags by which MLflow's page shows a user, a source and a version."""

from functools import cache

from perfexp import environment

_PROGRAM = "perfexp"


@cache
def tags() -> dict[str, str]:
    """Return this process's tags, from MLflow's own context."""
    from mlflow.tracking.context.default_context import DefaultRunContext
    from mlflow.utils.mlflow_tags import MLFLOW_GIT_COMMIT, MLFLOW_SOURCE_NAME

    found: dict[str, str] = DefaultRunContext().tags()  # type: ignore[no-untyped-call]
    found = {**found, MLFLOW_SOURCE_NAME: _PROGRAM}
    commit = environment.git_commit()
    return found | ({MLFLOW_GIT_COMMIT: commit} if commit else {})

"""Searches for runs through MLflow's client: its filter language, and all pages of an answer."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from perfexp.errors import ConfigError

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

NEWEST_FIRST = ("attributes.start_time DESC",)
_PAGE = 1000


def mlflow_filter(*, status: str | None = None, **tags: str | None) -> str:
    """Return MLflow's filter for runs with this status and these tags; None accepts every value.

    Raises:
        ConfigError: a value holds both kinds of quotation marks, which the language cannot express.
    """
    terms = [f"tags.{name} = {_quoted(value)}" for name, value in tags.items() if value is not None]
    if status is not None:
        terms.append(f"attributes.status = {_quoted(status)}")
    return " AND ".join(terms)


def runs(
    client: "MlflowClient", experiment_id: str, query: str, order_by: Sequence[str] = ()
) -> Iterator["Run"]:
    """Yield all runs that match, page by page.

    Take them as a list before changing any of them: MLflow's pages are counted from the first run.

    Raises:
        MlflowException: the store refused.
    """
    token = None
    while True:
        page = client.search_runs(
            [experiment_id], query, max_results=_PAGE, order_by=list(order_by), page_token=token
        )
        yield from page
        token = page.token
        if not token:
            return


def experiments(client: "MlflowClient") -> list[str]:
    """Return the names of all experiments but MLflow's own, sorted.

    Raises:
        MlflowException: the store refused.
    """
    return sorted(each.name for each in client.search_experiments() if each.name != "Default")


def newest(client: "MlflowClient", experiment_id: str, query: str) -> "Run | None":
    """Return the newest run that matches, None if there is none.

    Raises:
        MlflowException: the store refused.
    """
    found = client.search_runs([experiment_id], query, max_results=1, order_by=list(NEWEST_FIRST))
    return found[0] if found else None


def _quoted(value: str) -> str:
    mark = '"' if "'" in value else "'"
    if mark in value:
        raise ConfigError(
            f"A filter value cannot hold both kinds of quotation marks, but got {value!r}; leave one out."
        )
    return f"{mark}{value}{mark}"

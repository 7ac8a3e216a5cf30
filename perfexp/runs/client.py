"""Reads runs through MLflow's client: any store, run by run."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient
    from mlflow.entities import Run

_PAGE = 1000
_FIRST = ("run_id", "status", "start_time")


def read(
    client: "MlflowClient",
    experiment_id: str,
    tags: Mapping[str, Collection[str]],
    status: str | None,
    column_of: Callable[[str], str | None],
) -> "pd.DataFrame":
    """The same frame as :func:`perfexp.runs.sql.read`; no filter value may hold a quotation mark.

    Raises:
        MlflowException: the store refused.
    """
    import pandas as pd

    queries = [_filter(dict(zip(tags, values, strict=True)), status) for values in product(*tags.values())]
    with _progress() as told:
        rows = [
            _row(run, column_of) for query in queries for run in told(_pages(client, experiment_id, query))
        ]
    frame = pd.DataFrame(rows, columns=None if rows else list(_FIRST))
    return frame.sort_values(["start_time", "run_id"], ascending=[False, True], ignore_index=True)


@contextmanager
def _progress() -> "Iterator[Callable[[Iterator[Run]], Iterable[Run]]]":
    """Counts the runs as they come, where somebody looks on; how many will come nobody knows."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.completed:.0f} runs read"), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        yield bar.track


def _filter(tags: Mapping[str, str], status: str | None) -> str:
    terms = [f"tags.{tag} = '{value}'" for tag, value in tags.items()]
    if status:
        terms.append(f"attributes.status = '{status}'")
    return " and ".join(terms)


def _pages(client: "MlflowClient", experiment_id: str, query: str) -> Iterator["Run"]:
    token = None
    while True:
        page = client.search_runs([experiment_id], query, max_results=_PAGE, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _row(run: "Run", column_of: Callable[[str], str | None]) -> dict[str, object]:
    row: dict[str, object] = {
        "run_id": run.info.run_id,
        "status": run.info.status,
        "start_time": run.info.start_time,
    }
    for items in (run.data.params, run.data.tags, run.data.metrics):
        named = {column_of(key): items[key] for key in sorted(items)}
        row |= {name: value for name, value in named.items() if name is not None}
    return row

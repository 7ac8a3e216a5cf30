import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from perfexp import charts, report

HEADING = report.Heading(
    title="Study <script>alert(1)</script>",
    experiment="study",
    command="perfexp analyze experiment=study output='a & b'",
    source="X. Wang et al., Internet of Things 20 (2022) 100609",
    tracking_uri="sqlite:////tmp/mlruns/mlflow.db",
)
HOSTILE = "<script>alert(2)</script>"


class Page(HTMLParser):
    """Tags, addresses and visible text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href", "srcset", "data"}]
        self.ids += [value or "" for name, value in attrs if name == "id"]

    def handle_data(self, data: str) -> None:
        self.text += data


def written(results, folder: Path) -> tuple[report.Written, Page]:
    result = report.write(results, folder, HEADING)
    return result, Page(result.html.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def study_report(study, tmp_path_factory: pytest.TempPathFactory) -> tuple[report.Written, Page]:
    return written(study, tmp_path_factory.mktemp("report"))


def test_every_figure_is_written_and_embedded(study_report) -> None:
    result, page = study_report
    names = [chart.name for chart in charts.charts()]
    assert [path.name for path in result.figures] == [f"{n}.{kind}" for n in names for kind in ("svg", "png")]
    assert all(path.stat().st_size > 1000 for path in result.figures)
    assert result.missing == {}
    assert page.tags.count("img") == len(names)


def test_the_page_loads_nothing(study_report) -> None:
    result, page = study_report
    assert {address.split(":")[0] for address in page.addresses if not address.startswith("#")} == {"data"}
    assert "link" not in page.tags and "iframe" not in page.tags
    style = re.sub(r"data:[^\"')]*", "", result.html.read_text())
    assert not re.search(r"url\(|@import|\bfetch\(|XMLHttpRequest|import\(", style)


def test_links_within_the_page_lead_somewhere(study_report) -> None:
    _, page = study_report
    assert {address[1:] for address in page.addresses if address.startswith("#")} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))


def test_the_page_says_what_it_is_made_of(study_report) -> None:
    _, page = study_report
    for text in (HEADING.command, HEADING.source, HEADING.tracking_uri, "perfexp 0", "matplotlib 3"):
        assert text in page.text
    assert page.text.index("The affine form wins") < page.text.index("Contents")
    assert "out of memory" in page.text


def test_what_comes_from_data_is_escaped(build, tmp_path: Path) -> None:
    study = build(["torch"], count=3)
    names = study.runs["model"].cat.rename_categories({"vgg11": HOSTILE})
    hostile = replace(
        study,
        runs=study.runs.assign(model=names),
        scaling=study.scaling.replace({"model": {"vgg11": HOSTILE}, "form": {"affine": HOSTILE}}),
        findings=(f"{HOSTILE} is fastest.",),
        missing={"tukey": f"{HOSTILE} has no groups."},
        labels={HOSTILE: HOSTILE},
    )
    result, page = written(hostile, tmp_path)
    assert page.tags.count("script") == 1
    assert HOSTILE not in result.html.read_text()
    assert page.text.count(HOSTILE) >= 4
    assert "<script" not in "".join(path.read_text() for path in result.figures if path.suffix == ".svg")


def test_missing_figures_leave_their_reason(build, tmp_path: Path) -> None:
    one = build(["torch"], count=3, runs=["published_top1", "published_top5"])
    result, page = written(replace(one, missing={"anova": "Three models are too few."}), tmp_path)
    assert set(result.missing) == {
        "top1_macs", "top5_macs", "accuracy_density", "accuracy_throughput", "backend_speedup",
    }  # fmt: skip
    for reason in (*result.missing.values(), "Three models are too few."):
        assert reason in page.text
    assert not (tmp_path / "figures" / "top1_macs.svg").exists()


def test_nothing_at_all_still_makes_a_page(study, tmp_path: Path) -> None:
    empty = {name: value.head(0) for name, value in vars(study).items() if isinstance(value, pd.DataFrame)}
    result, page = written(replace(study, **empty, findings=()), tmp_path)
    assert result.figures == ()
    assert len(result.missing) == len(charts.charts())
    assert "The runs gave no finding" in page.text
    assert "img" not in page.tags


def test_the_page_points_to_the_rows_it_leaves_out(study_report) -> None:
    result, page = study_report
    assert "The first 200 of 462 rows; all are in tables/runs.csv beside this page." in page.text
    assert result.html.stat().st_size < 5_000_000

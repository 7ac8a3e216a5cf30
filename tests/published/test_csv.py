from pathlib import Path

import pytest

from perfexp.errors import ConfigError
from perfexp.published.base import Broken, Row
from perfexp.published.csv import CsvConfig, CsvSource, Per, Unit


def read(tmp_path: Path, text: str, **config: object) -> tuple[list[Row], list[Broken]]:
    path = tmp_path / "mine.csv"
    path.write_text(text)
    found = list(CsvSource(CsvConfig(**config)).rows(path))
    return [f for f in found if isinstance(f, Row)], [f for f in found if isinstance(f, Broken)]


def test_one_latency_column_with_units(tmp_path: Path) -> None:
    rows, broken = read(
        tmp_path,
        "net,n,seconds,where\na,1,0.5,gpu\na,8,2,gpu\n",
        model_column="net",
        latency_column="seconds",
        batch_size_column="n",
        unit=Unit.s,
        backend_column="where",
    )
    assert not broken
    assert [(r.model, r.backend, r.batch_size, r.latency_mean_ms) for r in rows] == [
        ("a", "gpu", 1, 500.0),
        ("a", "gpu", 8, 2000.0),
    ]


def test_a_column_per_batch_size_per_image_in_microseconds(tmp_path: Path) -> None:
    rows, _ = read(tmp_path, "model,bs1,bs8\na,3000,1000\n", unit=Unit.us, per=Per.image)
    assert [(r.batch_size, r.latency_mean_ms) for r in rows] == [(1, 3.0), (8, 8.0)]


def test_batch_columns_may_have_any_name(tmp_path: Path) -> None:
    rows, _ = read(tmp_path, "model,one,many,bs4\na,3,5,9\n", batch_columns={"one": 1, "many": 64})
    assert [(r.batch_size, r.latency_mean_ms) for r in rows] == [(1, 3.0), (64, 5.0)]


def test_a_pivoted_table_has_numbers_for_headers(tmp_path: Path) -> None:
    rows, broken = read(tmp_path, "model,1,8,32\na,3,9,30\n")
    assert [(r.batch_size, r.latency_mean_ms) for r in rows] == [(1, 3.0), (8, 9.0), (32, 30.0)]
    assert not broken


def test_units_of_headers_and_cells_are_taken(tmp_path: Path) -> None:
    rows, broken = read(
        tmp_path,
        "Model;Time (s);n;Top-1;Parameters;MACs (G)\nA;0,5;1;79.0%;22,9M;4,1\nB;250 ms;8;-;5.2;0,3\n",
        model_column="Model",
        latency_column="Time (s)",
        batch_size_column="n",
        metric_columns={"published_top1": "Top-1", "params": "Parameters", "macs": "MACs (G)"},
    )
    assert [(r.model, r.latency_mean_ms) for r in rows] == [("A", 500.0), ("B", 250.0)]
    assert rows[0].metrics == pytest.approx({"published_top1": 79.0, "params": 22.9e6, "macs": 4.1e9})
    assert rows[1].metrics == pytest.approx({"macs": 3e8})
    assert [b.where for b in broken] == ["mine.csv line 3"] and "'5.2'" in broken[0].reason


def test_other_metrics_have_the_units_of_headers_and_cells_too(tmp_path: Path) -> None:
    columns = {
        "latency_p95_ms": "p95 (s)", "model_size_mb": "size (GB)", "throughput_images_per_s": "rate (fps)",
        "energy_per_image_j": "energy_mJ", "memory_peak_mb": "peak (CPU)",
    }  # fmt: skip
    header = ",".join(["model", "bs1", *columns.values()])
    [row], broken = read(tmp_path, f"{header}\na,1,0.012,0.5,80,20,7\n", metric_columns=columns)
    assert row.metrics == pytest.approx({
        "latency_p95_ms": 12.0, "model_size_mb": 500.0, "throughput_images_per_s": 80.0,
        "energy_per_image_j": 0.02, "memory_peak_mb": 7.0,
    })  # fmt: skip
    assert not broken
    for table in ("model,bs1,p95 (GB)\na,1,2\n", "model,bs1,p95\na,1,2 GB\n"):
        column = table.partition("\n")[0].split(",")[2]
        with pytest.raises(ConfigError, match="'?2.* in GB, where s or"):
            read(tmp_path, table, metric_columns={"latency_p95_ms": column})


def test_a_fraction_is_not_taken_for_a_percentage(tmp_path: Path) -> None:
    text, columns = "model,bs1,top1\na,3,0.79\n", {"published_top1": "top1"}
    with pytest.raises(ConfigError, match=r"0.79 % or, as a fraction, 79 %.*source.fractions=true"):
        read(tmp_path, text, metric_columns=columns)
    [row], _ = read(tmp_path, text, metric_columns=columns, fractions=True)
    assert row.metrics == {"published_top1": pytest.approx(79.0)}


def test_facts_come_with_the_row(tmp_path: Path) -> None:
    [row], _ = read(
        tmp_path,
        'model,bs1,size,kind\na,3,"1,000,000",Net\n',
        metric_columns={"params": "size"},
        family_column="kind",
        device="cuda",
    )
    assert row.metrics == {"params": 1e6}
    assert row.tags == {"family": "Net"}
    assert row.params == {"backend.device": "cuda"}


@pytest.mark.parametrize("value", ["", "nan", "-1", "0", "inf", "fast"])
def test_a_bad_latency_is_reported_by_its_line_and_the_rest_go_in(tmp_path: Path, value: str) -> None:
    rows, broken = read(tmp_path, f"# a comment\nmodel,bs1,bs2\na,1,2\nb,{value},3\n,4,5\n")
    assert [(r.model, r.batch_size) for r in rows] == [("a", 1), ("a", 2), ("b", 2)]
    assert broken == [
        Broken("mine.csv line 4", f"bs1 is {value!r} where a positive number belongs"),
        Broken("mine.csv line 5", "model is empty"),
    ]


def test_a_batch_size_is_a_whole_number(tmp_path: Path) -> None:
    text = "model,latency,batch_size\na,1,1.5\na,1,2\n"
    rows, [broken] = read(tmp_path, text, latency_column="latency")
    assert len(rows) == 1
    assert broken.reason == "batch_size is '1.5' where a whole number belongs"


@pytest.mark.parametrize(
    ("text", "config", "words"),
    [
        ("name,bs1\na,1\n", {}, "no column 'model'.*set source.model_column"),
        ("model,time\na,1\n", {}, "no column named after a batch size.*model, time"),
        ("model,time\na,1\n", {"latency_column": "tim"}, "no column 'tim': the nearest are time"),
        ("model,time\na,1\n", {"latency_column": "time"}, "no column 'batch_size'"),
        ("model,b\na,1\n", {"batch_columns": {"b": 0}}, "below 1"),
        ("model,bs1,x\na,1,2\n", {"metric_columns": {"speed": "x"}}, "'speed', which is no metric"),
        ("model,t\na,1\n", {"latency_column": "t", "batch_columns": {"t": 1}}, "both given"),
        ("nothing here\n", {}, "no table of columns separated by commas"),
    ],
)
def test_a_mapping_that_does_not_fit_says_what_to_set(
    tmp_path: Path, text: str, config: dict[str, object], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        read(tmp_path, text, **config)


def test_the_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="give it as path="):
        list(CsvSource(CsvConfig()).rows(None))
    with pytest.raises(ConfigError, match="cannot be read"):
        list(CsvSource(CsvConfig()).rows(tmp_path / "no.csv"))

from perfexp.published.base import Row
from perfexp.published.study import StudyConfig, StudySource


def test_the_table_ships_with_the_package() -> None:
    source = StudySource(StudyConfig())
    rows = list(source.rows(None))
    assert all(isinstance(row, Row) for row in rows)
    assert len({row.model for row in rows}) == 33
    assert sorted({row.batch_size for row in rows}) == [1, 2, 4, 8, 16, 32, 64]
    [odd] = [row for row in rows if row.model == "resnext50_32x4d" and row.batch_size == 32]
    assert odd.latency_mean_ms == 0.34 * 32
    assert odd.tags == {"display_name": "ResNeXt-50(32x4d)"}
    assert "Internet of Things 20 (2022) 100609" in source.citation

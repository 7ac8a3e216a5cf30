from perfexp.published._runs import without_doubles
from perfexp.published.base import Broken, Row


def row(line: int, model: str, latency_ms: float) -> Row:
    return Row(f"line {line}", model, "b", 1, latency_ms)


def test_a_cell_that_stands_twice_is_named() -> None:
    rows = [row(2, "a", 1.0), row(3, "a", 1.0), row(4, "b", 1.0), row(5, "b", 2.0), row(6, "c", 1.0)]
    kept, broken = without_doubles(rows)
    assert kept == [rows[0], rows[4]]
    reason = "b at batch size 1 has several latencies, 1 ms (line 4) and 2 ms (line 5)"
    assert broken == [
        Broken("line 3", "it repeats line 2"),
        Broken("line 4", reason),
        Broken("line 5", reason),
    ]

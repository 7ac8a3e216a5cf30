import pandas as pd

from perfexp.charts import learning_curve


def test_a_line_a_sweep_and_the_full_one() -> None:
    trace = pd.DataFrame({"runs": [1, 2, 3, 4], "error_percent": [None, 30.0, None, 12.0]})
    (axes,) = learning_curve.draw({"active": trace, "random": trace}, 10, 11.0).axes
    assert [line.get_label() for line in axes.lines if not str(line.get_label()).startswith("_")] == [
        "active", "random", "full sweep",
    ]  # fmt: skip
    assert list(axes.lines[0].get_xdata()) == [2, 4]

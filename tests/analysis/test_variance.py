import numpy as np
import pandas as pd
import pytest
from scipy.stats import studentized_range
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm
from statsmodels.stats.multicomp import pairwise_tukeyhsd

from perfexp.analysis import tukey, variance
from perfexp.analysis.additive import fit_additive


def random_cells(seed: int = 0, drop: int = 0, backends: tuple[str, ...] = ("a", "b")) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    rows = [
        (f"m{m}", f"f{m % 3}", backend, b, np.exp(m * 0.3 + np.log(b) * 0.8 + generator.normal(0, 0.1)))
        for m in range(8)
        for backend in backends
        for b in (1, 2, 4, 8)
    ]
    frame = pd.DataFrame(rows, columns=["model", "family", "backend", "batch_size", "latency_ms"])
    return frame.drop(frame.index[generator.permutation(len(frame))[:drop]]).reset_index(drop=True)


@pytest.mark.parametrize("drop", [0, 9])
def test_sums_of_squares_are_those_of_statsmodels(drop: int) -> None:
    cells = random_cells(drop=drop)
    reference = anova_lm(
        ols("np.log(latency_ms) ~ C(model) + C(batch_size) + C(backend)", cells).fit(), typ=2
    )
    found = variance.analyse(cells)[0]["anova"]
    found = found[found["method"] == "type II"].set_index("term")
    for term in ("model", "batch_size", "backend"):
        row = reference.loc[f"C({term})"]
        assert found.loc[term, ["df", "sum_sq", "f", "p"]].tolist() == pytest.approx(
            row[["df", "sum_sq", "F", "PR(>F)"]].tolist()
        )
    assert found.loc["Residual", "sum_sq"] == pytest.approx(reference.loc["Residual", "sum_sq"])


def test_an_effect_that_is_not_there_is_not_found() -> None:
    tables, _ = variance.analyse(random_cells(seed=4))
    found = tables["anova"].drop_duplicates("term").set_index("term")
    assert found.loc["model", "p"] < 1e-10
    assert found.loc["batch_size", "partial_eta_sq"] > 0.9
    assert found.loc["backend", "p"] > 0.01


def test_tukey_agrees_with_statsmodels_where_the_design_is_one_way() -> None:
    cells = random_cells(backends=("a",))
    table = cells[["model", "batch_size"]].astype(str)
    model = fit_additive(np.log(cells["latency_ms"].to_numpy()), table, ["model"])
    found = tukey.pairwise(model, table, "model")
    reference = pairwise_tukeyhsd(np.log(cells["latency_ms"]), cells["model"])
    assert found["mean_difference"].tolist() == pytest.approx(reference.meandiffs.tolist())
    assert found[["low", "high"]].to_numpy() == pytest.approx(reference.confint, abs=1e-3)
    assert found["reject"].tolist() == reference.reject.tolist()


def test_p_has_no_floor_and_is_exact_for_many_pairs() -> None:
    generator = np.random.default_rng(2)
    table = pd.DataFrame({"model": [f"m{m}" for m in range(15)] * 6})
    response = generator.normal(0, 1, 90) + 0.5 * np.tile(np.arange(15), 6)
    model = fit_additive(response, table, ["model"])
    found = tukey.pairwise(model, table, "model")
    error = np.sqrt(model.mean_square / 6)
    some = found.iloc[::10]
    exact = studentized_range.sf(some["mean_difference"].abs() / error, 15, model.freedom)
    assert some["p_adjusted"].tolist() == pytest.approx(exact, rel=1e-3, abs=1e-9)
    assert found["p_adjusted"].min() < 1e-6 and found["p_adjusted"].max() > 0.99


def test_backends_without_a_common_model_are_not_compared() -> None:
    cells = random_cells()
    found, missing = variance.analyse(cells[(cells["backend"] == "a") == (cells["model"] < "m4")])
    assert set(found["anova"]["term"]) == {"model", "batch_size", "Residual"}
    assert missing["anova of backend"].endswith("cannot be separated from those of model and batch_size.")
    assert "backend" not in set(found["tukey"]["factor"]) and "tukey by backend" in missing


def test_two_models_at_two_batch_sizes_are_compared() -> None:
    cells = random_cells(backends=("a",))
    found, _ = variance.analyse(cells[cells["model"].isin(["m0", "m1"]) & (cells["batch_size"] < 4)])
    assert found["anova"]["df"].tolist()[-1] == 1
    assert found["tukey"]["p_adjusted"].between(0, 1).all()


def test_unequal_variances_call_for_the_robust_analysis() -> None:
    cells = random_cells(backends=("a",))
    noise = np.random.default_rng(1).normal(0, 1, len(cells)) * (cells["batch_size"] == 8)
    cells["latency_ms"] *= np.exp(noise)
    found, _ = variance.analyse(cells)
    failed = found["assumptions"][~found["assumptions"]["holds"]]
    assert failed["check"].str.startswith("equal variance by batch_size").any()
    assert set(found["anova"]["method"]) == {"type II", "type II, HC3 covariance"}


def test_where_assumptions_hold_there_is_one_analysis() -> None:
    found, _ = variance.analyse(random_cells(seed=3, backends=("a",)))
    assert found["assumptions"]["holds"].all()
    assert set(found["anova"]["method"]) == {"type II"}


def test_effects_that_multiply_are_noticed() -> None:
    table = pd.DataFrame(
        [(str(i), str(j)) for i in range(8) for j in range(6)], columns=["model", "batch_size"]
    )
    i, j = (table[c].astype(float).to_numpy() for c in table)
    noise = np.random.default_rng(0).normal(0, 0.01, len(table))
    adds = fit_additive(i + j + noise, table, ["model", "batch_size"]).nonadditivity()
    multiplies = fit_additive((1 + i) * (1 + j) / 10 + noise, table, ["model", "batch_size"]).nonadditivity()
    assert adds[1] > 0.01 > 1e-6 > multiplies[1]


def test_thousands_of_models_need_no_dense_design() -> None:
    generator = np.random.default_rng(0)
    models = np.repeat([f"m{m}" for m in range(3000)], 4)
    sizes = np.tile([1, 2, 4, 8], 3000)
    latency = np.exp(np.repeat(generator.normal(0, 1, 3000), 4) + generator.normal(0, 0.1, 12000)) * sizes
    cells = pd.DataFrame(
        {"model": models, "family": "f", "backend": "a", "batch_size": sizes, "latency_ms": latency}
    )
    found, missing = variance.analyse(cells)
    assert found["anova"].drop_duplicates("term").set_index("term").loc["model", "df"] == 2999
    assert "3000 levels of model are too many" in missing["tukey by model"]
    assert "All models are of one family" in missing["tukey by family"]


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (random_cells().query("batch_size == 1 and backend == 'a'"), "differ in model alone"),
        (random_cells().assign(latency_ms=2.0), "follow from the factors exactly"),
        (random_cells().iloc[[0, 5]], "no more than the factors' levels"),
    ],
)
def test_what_cannot_be_analysed_says_why(cells: pd.DataFrame, words: str) -> None:
    found, missing = variance.analyse(cells)
    assert found == {}
    assert words in missing["anova"]


def test_levels_that_share_a_letter_are_not_told_apart() -> None:
    found, _ = variance.analyse(random_cells())
    groups = found["tukey_groups"][found["tukey_groups"]["factor"] == "model"].set_index("level")["groups"]
    assert list(groups.index) == [f"m{i}" for i in range(8)]
    pairs = found["tukey"][found["tukey"]["factor"] == "model"]
    for first, second, reject in zip(pairs["group1"], pairs["group2"], pairs["reject"], strict=True):
        assert bool(set(groups[first]) & set(groups[second])) != reject

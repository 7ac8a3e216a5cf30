import numpy as np
import pandas as pd
import pytest
from scipy import optimize

from perfexp.analysis.scaling import least_squares
from perfexp.analysis.scaling.curves import tabulate
from perfexp.analysis.scaling.forms import AFFINE, EXPONENTIAL, FORMS, POWER, POWER_OFFSET, ROOFLINE
from perfexp.analysis.scaling.least_squares import fit, uncertainty

CURVES = {
    "affine": (lambda b: 5 + 2 * b, AFFINE, (5.0, 2.0)),
    "roofline": (lambda b: 3 + 0.5 * max(b, 8), ROOFLINE, (3.0, 0.5, 8.0)),
    "power": (lambda b: 7 * b**0.4, POWER, (7.0, 0.6)),
    "power_offset": (lambda b: 6 * b**0.3 + 0.8 * b, POWER_OFFSET, (6.0, 0.8, 0.7)),
    "exponential": (lambda b: (9 * np.exp(-0.2 * b) + 1.5) * b, EXPONENTIAL, (9.0, 1.5, 0.2)),
}


@pytest.mark.parametrize("name", CURVES)
def test_known_coefficients_are_found(synthetic, name: str) -> None:
    curve, form, known = CURVES[name]
    table = tabulate(synthetic({"a": curve}), ["model"])
    fitted = fit(form, table.curves)
    assert fitted.coefficients[0] == pytest.approx(known, rel=1e-2)
    assert fitted.predict(table.curves.batch_size) == pytest.approx(table.curves.latency_ms, rel=2e-3)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_no_worse_than_a_general_optimiser(study, form) -> None:
    table = tabulate(study, ["model"])
    fitted = fit(form, table.curves)
    b, y = table.curves.batch_size[7], table.curves.latency_ms[7]
    start = fitted.coefficients[7]

    def loss(p):
        terms = form.terms(b, np.full(1, p[-1]))
        predicted = sum(c * t for c, t in zip(p, terms, strict=False))
        return (((predicted - y) / y) ** 2).sum()

    best = optimize.minimize(loss, start * 1.05, method="Nelder-Mead", bounds=[(0, None)] * len(start))
    assert loss(start) <= best.fun * 1.001


def test_uncertain_points_count_by_their_weight() -> None:
    b, y, w = np.array([1.0, 2, 4, 8]), np.array([7.0, 9.5, 12, 24]), np.array([1.0, 0.5, 0.1, 1])
    points = pd.DataFrame({"model": "a", "batch_size": b, "latency_ms": y, "weight": w})
    curves = tabulate(points, ["model"]).curves
    expected, loss, *_ = np.linalg.lstsq(np.column_stack([w / y, w * b / y]), w, rcond=None)
    fitted = fit(AFFINE, curves)
    assert fitted.coefficients[0] == pytest.approx(expected)
    sure = uncertainty(fitted, curves)
    assert sure.freedom.tolist() == [2]
    assert sure.scale == pytest.approx(np.sqrt(loss / 2))


def test_coefficients_are_never_negative(synthetic) -> None:
    table = tabulate(synthetic({"a": lambda b: 0.1 * b**1.2}), ["model"])
    assert (fit(AFFINE, table.curves).linear >= 0).all()
    assert fit(AFFINE, table.curves).linear[0, 0] == 0


def test_curves_of_different_length_do_not_touch_each_other(synthetic) -> None:
    long = synthetic({"a": lambda b: 5 + 2 * b}, noise=0.1)
    short = synthetic({"b": lambda b: 1 + 3 * b}, sizes=(2, 32, 128), noise=0.1, seed=1)
    both = tabulate(np_concat(long, short), ["model"])
    for row, alone in enumerate((long, short)):
        for form in FORMS:
            one = fit(form, tabulate(alone, ["model"]).curves).coefficients[0]
            assert fit(form, both.curves).coefficients[row] == pytest.approx(one, rel=1e-9)


def np_concat(*frames):
    import pandas as pd

    return pd.concat(frames, ignore_index=True)


def test_the_affine_covariance_is_that_of_weighted_least_squares(study) -> None:
    import statsmodels.api as sm

    table = tabulate(study[study["model"] == "vgg16"], ["model"])
    sure = uncertainty(fit(AFFINE, table.curves), table.curves)
    b, y = table.curves.batch_size[0], table.curves.latency_ms[0]
    reference = sm.WLS(y, sm.add_constant(b), weights=1 / y**2).fit()
    assert sure.scale[0] == pytest.approx(np.sqrt(reference.scale))
    assert sure.scale[0] ** 2 * sure.covariance[0] == pytest.approx(reference.cov_params())
    frame = reference.get_prediction(sm.add_constant(b)).summary_frame()
    relative = sure.scale[0] * sure.relative(table.curves.batch_size)[0]
    assert relative == pytest.approx(frame["mean_se"] / frame["mean"])


def test_bands_hold_what_they_promise(synthetic) -> None:
    """95 % of new measurements lie in the prediction band, of true curves in the confidence band."""
    from perfexp.analysis.scaling import intervals

    curves = {f"m{i}": (lambda b: 5 + 2 * b) for i in range(2000)}
    table = tabulate(synthetic(curves, noise=0.05), ["model"])
    limits = intervals.limits(fit(AFFINE, table.curves), table.curves, table.curves.batch_size)
    truth = 5 + 2 * table.curves.batch_size
    new = truth * np.exp(np.random.default_rng(5).normal(0, 0.05, truth.shape))
    inside = (limits["confidence_low_ms"] < truth) & (truth < limits["confidence_high_ms"])
    covered = (limits["prediction_low_ms"] < new) & (new < limits["prediction_high_ms"])
    assert 0.93 < inside.mean() < 0.97
    assert 0.93 < covered.mean() < 0.97


def test_without_freedom_there_is_no_interval(synthetic) -> None:
    table = tabulate(synthetic({"a": lambda b: 5 + 2 * b}, sizes=(1, 2)), ["model"])
    sure = uncertainty(fit(AFFINE, table.curves), table.curves)
    assert np.isnan(sure.scale[0]) and np.isnan(sure.quantile(0.95)[0])


def test_many_curves_are_fitted_in_chunks_alike(study, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tabulate(study, ["model"])
    whole = fit(EXPONENTIAL, table.curves).coefficients
    monkeypatch.setattr(least_squares, "_CHUNK", 1)
    assert fit(EXPONENTIAL, table.curves).coefficients == pytest.approx(whole)

import numpy as np
from scipy.optimize import approx_fprime

from perfexp.prediction.model import gaussian_process


def inputs(count: int, seed: int) -> gaussian_process.Inputs:
    random = np.random.default_rng(seed)
    return gaussian_process.Inputs(*(random.normal(size=(count, width)) for width in (1, 3, 4)))


def test_the_gradient_is_that_of_the_loss() -> None:
    cells, values = inputs(25, 0), np.random.default_rng(1).normal(size=25)
    distances = gaussian_process._distances(cells, cells)
    scales = gaussian_process.TYPICAL + 0.3
    found = gaussian_process._loss(scales, distances, values)[1]
    expected = approx_fprime(scales, lambda s: gaussian_process._loss(s, distances, values)[0], 1e-6)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_a_smooth_residual_is_learned_and_far_away_nothing_is_known() -> None:
    cells, new = inputs(150, 0), inputs(40, 1)
    values = 0.3 * np.tanh(cells.sizes[:, 0]) + 0.1 * cells.batch[:, 0]
    fitted = gaussian_process.fit(cells, values, 0)
    truth = 0.3 * np.tanh(new.sizes[:, 0]) + 0.1 * new.batch[:, 0]
    assert np.abs(fitted.predict(new) - truth).mean() < 0.3 * np.abs(truth).mean()
    far = gaussian_process.Inputs(new.batch, new.sizes + 100, new.shares)
    assert fitted.spread(far).min() > fitted.spread(new).max()
    assert np.abs(fitted.predict(far)).max() < np.abs(values).max()


def test_a_line_search_cannot_try_what_no_number_can_hold() -> None:
    random = np.random.default_rng(274)  # the one of 4,000 small sets for which it did
    for scale in (0.01, 1.0):
        widths = [random.normal(size=(8, n)) * random.choice([0.001, 1, 30]) for n in (1, 3, 4)]
        cells = gaussian_process.Inputs(*widths)
        values = scale * (random.normal(size=8) * random.choice([0, 1]) + cells.sizes[:, 0])
        assert np.isfinite(gaussian_process.fit(cells, values, 0).predict(cells)).all()
